// The socket to ptp4l, against a stand-in that answers as ptp4l's does: to the sender.
#include "bridge/os/management_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>

#include "bridge/os/unix_address.h"
#include "tests/os/namespaces.h"
#include "tests/os/scratch_directory.h"

namespace bridge::os {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const sockaddr* AsSockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// A datagram socket with a name, as ptp4l has one.
class Server {
 public:
  explicit Server(const std::string& path)
      : path_(path), socket_(OpenSocket(AF_UNIX, SOCK_DGRAM, 0)) {
    unlink(path.c_str());
    const auto address = UnixAddress(path);
    EXPECT_EQ(bind(socket_.get(), AsSockaddr(*address), sizeof *address), 0);
  }

  // The path of who sent the next datagram; "" when there is none.
  std::string NextSender() {
    char octets[256];
    sockaddr_un from{};
    socklen_t size = sizeof from;
    const ssize_t got = recvfrom(socket_.get(), octets, sizeof octets, MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    return got < 0 ? "" : from.sun_path;
  }
  bool SendTo(const std::string& path, const std::string& text) {
    const auto address = UnixAddress(path);
    return sendto(socket_.get(), text.data(), text.size(), MSG_DONTWAIT,
                  AsSockaddr(*address), sizeof *address) >= 0;
  }
  // As kill -9 does: the name stays.
  void Die() { socket_ = FileDescriptor(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  FileDescriptor socket_;
};

class ManagementSocketTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return scratch_.path() + "/" + name;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(scratch_.path())) {
      names.push_back(file.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Text(ManagementClient& client) {
    const auto datagram = client.Receive();
    return datagram ? std::string(datagram->begin(), datagram->end()) : "(none)";
  }

  ScratchDirectory scratch_;
  const std::vector<uint8_t> question_{'?'};
};

TEST_F(ManagementSocketTest, AsksAndIsAnsweredAtANameOfItsOwn) {
  Server ptp4l(Path("ptp4l"));
  ManagementClient client({.server = ptp4l.path()});
  ASSERT_TRUE(client.Open().ok());
  EXPECT_EQ(client.kind(), ManagementSocket::kReadWrite);
  EXPECT_EQ(Text(client), "(none)");
  ASSERT_TRUE(client.Send(question_).ok());
  const std::string sender = ptp4l.NextSender();
  EXPECT_THAT(sender, HasSubstr(Path("refclockd.")));
  EXPECT_TRUE(ptp4l.SendTo(sender, "answer"));
  EXPECT_EQ(Text(client), "answer");
  struct stat file;
  ASSERT_EQ(stat(sender.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0666u) << "a ptp4l of another user has to write there";
  client.Close();
  EXPECT_THAT(Files(), ElementsAre("ptp4l"));
}

TEST_F(ManagementSocketTest, TakesNothingFromAnybodyElse) {
  Server ptp4l(Path("ptp4l"));
  Server other(Path("other"));
  ManagementClient client({.server = ptp4l.path()});
  ASSERT_TRUE(client.Open().ok());
  ASSERT_TRUE(client.Send(question_).ok());
  const std::string name = ptp4l.NextSender();
  EXPECT_FALSE(other.SendTo(name, "a lie"));
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(Text(client), "(none)");
}

TEST_F(ManagementSocketTest, IsReadOnlyByItsName) {
  Server ptp4l(Path("ptp4lro"));
  ManagementClient client({.server = ptp4l.path()});
  EXPECT_EQ(client.kind(), ManagementSocket::kClosed);
  ASSERT_TRUE(client.Open().ok());
  EXPECT_EQ(client.kind(), ManagementSocket::kReadOnly);
}

TEST_F(ManagementSocketTest, SaysWhereNoPtp4lIs) {
  ManagementClient named({.server = Path("nosuch")});
  EXPECT_THAT(std::string(named.Open().message()), HasSubstr(Path("nosuch")));
  std::string told;
  Server dead(Path("dead"));
  dead.Die();
  ManagementClient refused({.server = dead.path()});
  EXPECT_THAT(std::string(refused.Open().message()), HasSubstr("has ended"));
  EXPECT_FALSE(refused.open());
  EXPECT_THAT(Files(), ElementsAre("dead")) << "no name of ours without a connection";
}

TEST_F(ManagementSocketTest, NoticesADeathByAskingAndANewPtp4lByLooking) {
  auto ptp4l = std::make_unique<Server>(Path("ptp4l"));
  ManagementClient client({.server = Path("ptp4l")});
  ASSERT_TRUE(client.Open().ok());
  EXPECT_TRUE(client.IsCurrent());
  ptp4l->Die();
  EXPECT_TRUE(absl::IsUnavailable(client.Send(question_)));
  client.Close();
  EXPECT_FALSE(client.Open().ok());

  ptp4l = std::make_unique<Server>(Path("ptp4l"));
  ASSERT_TRUE(client.Open().ok());
  const Server next(Path("ptp4l"));
  EXPECT_FALSE(client.IsCurrent()) << "another socket has that name now";
}

TEST_F(ManagementSocketTest, NoticesThatItsOwnNameWasTakenAway) {
  Server ptp4l(Path("ptp4l"));
  ManagementClient client({.server = ptp4l.path()});
  ASSERT_TRUE(client.Open().ok());
  ASSERT_TRUE(client.Send(question_).ok());
  unlink(ptp4l.NextSender().c_str());
  EXPECT_FALSE(client.IsCurrent());
  EXPECT_TRUE(client.Open().ok());
  EXPECT_TRUE(client.IsCurrent());
}

TEST_F(ManagementSocketTest, LeavesNothingBehindOverTenRestartsOfPtp4l) {
  ManagementClient client({.server = Path("ptp4l")});
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  for (int i = 0; i < 10; ++i) {
    Server ptp4l(Path("ptp4l"));
    ASSERT_TRUE(client.Open().ok());
    ASSERT_TRUE(client.Send(question_).ok());
    ASSERT_TRUE(ptp4l.SendTo(ptp4l.NextSender(), "answer"));
    ASSERT_EQ(Text(client), "answer");
    ASSERT_EQ(Files().size(), 2u);
  }
  client.Close();
  EXPECT_EQ(descriptors(), before);
  EXPECT_THAT(Files(), ElementsAre("ptp4l"));
}

TEST_F(ManagementSocketTest, RemovesNamesOfTheDeadAndOnlyThose) {
  { Server killed(Path("refclockd.4000001.1")); }
  { Server not_ours(Path("refclockd.sock")); }
  Server alive(Path("refclockd.4000002.1"));
  Server ptp4l(Path("ptp4l"));
  ManagementClient client({.server = ptp4l.path()});
  ASSERT_TRUE(client.Open().ok());
  client.Close();
  EXPECT_THAT(Files(), ElementsAre("ptp4l", "refclockd.4000002.1", "refclockd.sock"));
}

TEST_F(ManagementSocketTest, NamesItselfElsewhereWhereItMayNotWriteBesidePtp4l) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: becomes nobody";
  chmod(scratch_.path().c_str(), 0755);
  std::filesystem::create_directory(Path("mine"));
  ASSERT_EQ(chown(Path("mine").c_str(), 65534, 65534), 0);
  Server ptp4l(Path("ptp4lro"));
  chmod(ptp4l.path().c_str(), 0666);
  EXPECT_EQ(AsNobody([&] {
              ManagementClient stuck({.server = ptp4l.path()});
              if (stuck.Open().ok()) return 1;
              ManagementClient client(
                  {.server = ptp4l.path(), .fallback_directory = Path("mine")});
              return client.Open().ok() && client.Send(question_).ok() ? 0 : 2;
            }),
            0);
  EXPECT_THAT(ptp4l.NextSender(), HasSubstr(Path("mine/refclockd.")));
}

TEST_F(ManagementSocketTest, DoesNotWaitForAPtp4lThatDoesNotRead) {
  Server ptp4l(Path("ptp4l"));
  ManagementClient client({.server = ptp4l.path()});
  ASSERT_TRUE(client.Open().ok());
  absl::Status sent;
  for (int i = 0; i < 1000 && sent.ok(); ++i) sent = client.Send(question_);
  EXPECT_TRUE(absl::IsResourceExhausted(sent)) << sent;
  EXPECT_TRUE(client.open());
}

}  // namespace
}  // namespace bridge::os
