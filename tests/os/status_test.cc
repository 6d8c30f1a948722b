// The status socket and its client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "bridge/os/clocks.h"
#include "bridge/os/status_client.h"
#include "bridge/os/status_server.h"
#include "bridge/os/unix_address.h"
#include "tests/os/namespaces.h"
#include "tests/os/scratch_directory.h"

namespace bridge::os {
namespace {

constexpr MonoTime kStart = MonoTime::FromNanos(5'000'000'000);

class StatusTest : public testing::Test {
 protected:
  std::unique_ptr<StatusServer> Listen() {
    auto server = StatusServer::Listen(path_);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  FileDescriptor Connect() {
    FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
    const auto address = UnixAddress(path_);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address),
                      sizeof *address),
              0);
    return fd;
  }
  static std::string ReadAll(const FileDescriptor& fd, bool* ended) {
    std::string text;
    char part[65536];
    ssize_t got;
    while ((got = read(fd.get(), part, sizeof part)) > 0) {
      text.append(part, static_cast<size_t>(got));
    }
    *ended = got == 0;
    return text;
  }

  ScratchDirectory scratch_;
  std::string path_ = scratch_.path() + "/run/status.sock";
};

TEST_F(StatusTest, GivesOneAnswerPerConnection) {
  const auto server = Listen();
  int asked = 0;
  const auto report = [&asked] { return "{\"n\":" + std::to_string(++asked) + "}"; };
  server->Serve(kStart, report);
  EXPECT_EQ(asked, 0) << "nobody has asked";
  for (const char* want : {"{\"n\":1}\n", "{\"n\":2}\n"}) {
    const FileDescriptor client = Connect();
    server->Serve(kStart, report);
    bool ended = false;
    EXPECT_EQ(ReadAll(client, &ended), want);
    EXPECT_TRUE(ended);
  }
}

TEST_F(StatusTest, ClientLibraryReadsTheWholeAnswer) {
  const auto server = Listen();
  const std::string big(1'000'000, 'x');
  std::atomic<bool> done = false;
  absl::StatusOr<std::string> answer;
  std::thread client([&] {
    answer = ReadStatus(path_);
    done = true;
  });
  while (!done) {
    std::vector<pollfd> fds;
    server->AppendPollFds(fds);
    poll(fds.data(), fds.size(), 5);
    server->Serve(MonoNow(), [&] { return big; });
  }
  client.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, big);
  EXPECT_EQ(server->clients(), 0u);
}

TEST_F(StatusTest, ASlowClientIsDroppedAfterASecond) {
  const auto server = Listen();
  const std::string big(4'000'000, 'x');
  const FileDescriptor slow = Connect();
  server->Serve(kStart, [&] { return big; });
  EXPECT_EQ(server->clients(), 1u);
  server->Serve(kStart + TimeDelta::FromMillis(900), [&] { return big; });
  EXPECT_EQ(server->clients(), 1u);
  server->Serve(kStart + TimeDelta::FromMillis(1000), [&] { return big; });
  EXPECT_EQ(server->clients(), 0u);
  bool ended = false;
  EXPECT_LT(ReadAll(slow, &ended).size(), big.size());
  EXPECT_TRUE(ended);
}

TEST_F(StatusTest, ManySlowClientsAreBoundedAndTheNextIsServed) {
  const auto server = Listen();
  const std::string big(4'000'000, 'x');
  std::vector<FileDescriptor> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(Connect());
    server->Serve(kStart, [&] { return big; });
    EXPECT_LE(server->clients(), StatusServer::kMaxClients);
  }
  std::vector<pollfd> fds;
  server->AppendPollFds(fds);
  EXPECT_EQ(fds.size(), 1 + StatusServer::kMaxClients);
  const FileDescriptor quick = Connect();
  server->Serve(kStart, [] { return std::string("{}"); });
  bool ended = false;
  EXPECT_EQ(ReadAll(quick, &ended), "{}\n");
}

TEST_F(StatusTest, AClientThatLeavesOrTalksDoesNoHarm) {
  const auto server = Listen();
  { const FileDescriptor gone = Connect(); }
  const FileDescriptor talker = Connect();
  ASSERT_EQ(send(talker.get(), "hello", 5, 0), 5);
  server->Serve(kStart, [] { return std::string("{}"); });
  EXPECT_EQ(server->clients(), 0u);
  std::vector<pollfd> fds;
  server->AppendPollFds(fds);
  EXPECT_EQ(poll(fds.data(), fds.size(), 0), 0);
}

TEST_F(StatusTest, MakesItsDirectoryAndLetsEveryoneConnect) {
  const auto server = Listen();
  struct stat file;
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0666u);
}

TEST_F(StatusTest, RemovesTheSocketAtTheEnd) {
  { const auto server = Listen(); }
  struct stat file;
  EXPECT_NE(lstat(path_.c_str(), &file), 0);
}

TEST_F(StatusTest, LeavesASocketThatIsNotItsOwn) {
  auto server = Listen();
  ASSERT_EQ(unlink(path_.c_str()), 0);
  const auto other = Listen();
  server.reset();
  EXPECT_TRUE(Connect().ok());
}

TEST_F(StatusTest, ReplacesAStaleSocket) {
  mkdir((scratch_.path() + "/run").c_str(), 0755);
  {
    FileDescriptor dead = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
    const auto address = UnixAddress(path_);
    ASSERT_EQ(
        bind(dead.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address),
        0);
  }
  struct stat file;
  ASSERT_EQ(lstat(path_.c_str(), &file), 0);
  EXPECT_TRUE(absl::IsUnavailable(ReadStatus(path_).status()));
  EXPECT_NE(Listen(), nullptr);
}

TEST_F(StatusTest, RefusesToReplaceALiveServer) {
  const auto server = Listen();
  EXPECT_TRUE(absl::IsAlreadyExists(StatusServer::Listen(path_).status()));
  EXPECT_TRUE(Connect().ok());
}

TEST_F(StatusTest, RefusesToReplaceAFile) {
  mkdir((scratch_.path() + "/run").c_str(), 0755);
  std::ofstream(path_) << "precious";
  EXPECT_TRUE(absl::IsFailedPrecondition(StatusServer::Listen(path_).status()));
  std::string kept;
  std::ifstream(path_) >> kept;
  EXPECT_EQ(kept, "precious");
}

TEST_F(StatusTest, ClientSaysWhenNoDaemonIsThere) {
  const auto answer = ReadStatus(path_);
  EXPECT_TRUE(absl::IsNotFound(answer.status()));
  EXPECT_THAT(std::string(answer.status().message()),
              testing::HasSubstr("is refclockd running"));
}

TEST_F(StatusTest, ClientGivesUpOnADaemonThatDoesNotAnswer) {
  const auto server = Listen();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(ReadStatus(path_, absl::Milliseconds(20)).status()));
}

}  // namespace
}  // namespace bridge::os
