// The client against a gpsd of the test's own making, over TCP on this machine.
#include "bridge/os/gpsd_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bridge/os/clocks.h"
#include "bridge/time/waiting.h"
#include "tests/os/namespaces.h"

namespace bridge::os {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kGreeting[] =
    "{\"class\":\"VERSION\",\"release\":\"3.22\",\"rev\":\"3.22\",\"proto_major\":3,"
    "\"proto_minor\":14}\r\n";
constexpr char kFix[] = "{\"class\":\"TPV\",\"device\":\"/dev/ttyS0\",\"mode\":3}\r\n";

class FakeGpsd {
 public:
  explicit FakeGpsd(uint16_t port = 0)
      : listener_(OpenSocket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }

  uint16_t port() const { return port_; }
  std::string Place() const { return absl::StrCat("127.0.0.1:", port_); }

  bool Accept() {
    const int fd = accept(listener_.get(), nullptr, nullptr);
    if (fd < 0) return false;
    SetNonBlockingAndCloseOnExec(fd);
    client_ = FileDescriptor(fd);
    return true;
  }
  // How much of it was taken.
  size_t Say(absl::string_view text) {
    const ssize_t sent = send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  std::string Hear() {
    char text[4096];
    const ssize_t got = recv(client_.get(), text, sizeof text, 0);
    return got > 0 ? std::string(text, static_cast<size_t>(got)) : "";
  }
  void Close() { client_ = FileDescriptor(); }

 private:
  FileDescriptor listener_;
  FileDescriptor client_;
  uint16_t port_ = 0;
};

// The client's clock is the test's, the sockets are the kernel's.
class GpsdClientTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(Shell("ip link set lo up"));
    gpsd_.emplace();
  }
  void Open(absl::string_view place) {
    auto client = GpsdClient::Open(place);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }
  void Open() { Open(gpsd_->Place()); }

  // Serves when there is something to read, until `done` or for five seconds.
  template <typename Done>
  bool ServeUntil(Done done) {
    const MonoTime end = MonoNow() + absl::Seconds(5);
    while (MonoNow() < end) {
      Serve();
      if (done()) return true;
      std::vector<pollfd> fds;
      client_->AppendPollFds(fds);
      poll(fds.data(), fds.size(), 5);
    }
    return false;
  }
  void Serve() {
    client_->Serve(now_, [this](const GnssReport& report) { Note(report); });
  }
  void Note(const GnssReport& report) {
    if (const auto* connection = std::get_if<GnssConnection>(&report)) {
      heard_.push_back(connection->up ? "up" : "down");
    } else if (const auto* fix = std::get_if<GnssFix>(&report)) {
      heard_.push_back(absl::StrCat("fix ", fix->mode));
    } else {
      heard_.push_back("other");
    }
  }
  void ConnectAndGreet() {
    Open();
    ASSERT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
    ASSERT_TRUE(ServeUntil([this] { return !(request_ = gpsd_->Hear()).empty(); }));
    gpsd_->Say(kGreeting);
    ASSERT_TRUE(ServeUntil([this] { return client_->connected(); }));
    ASSERT_THAT(heard_, ElementsAre("up"));
    heard_.clear();
  }
  bool Ended() const { return !client_->connected() && !client_->trouble().ok(); }
  std::string Trouble() const { return std::string(client_->trouble().message()); }

  MonoTime now_ = MonoTime::FromNanos(1'000'000'000'000);
  std::optional<FakeGpsd> gpsd_;
  std::unique_ptr<GpsdClient> client_;
  std::vector<std::string> heard_;
  std::string request_;
};

TEST_F(GpsdClientTest, AsksForReportsAndPulsesAndHandsThemOn) {
  ConnectAndGreet();
  EXPECT_EQ(request_, "?WATCH={\"enable\":true,\"json\":true,\"pps\":true};\n");
  EXPECT_FALSE(client_->Deadline()) << "nothing has to happen";
  gpsd_->Say(kFix);
  gpsd_->Say(kFix);
  ASSERT_TRUE(ServeUntil([this] { return heard_.size() == 2; }));
  EXPECT_THAT(heard_, ElementsAre("fix 3", "fix 3"));
  EXPECT_EQ(client_->release(), "3.22");
  EXPECT_EQ(client_->counters().connections, 1u);
  EXPECT_EQ(client_->counters().lines, 3u);
  EXPECT_EQ(client_->counters().unreadable, 0u);
}

TEST_F(GpsdClientTest, AsksForOneDevice) {
  Open(absl::StrCat(gpsd_->Place(), ":/dev/ttyS0"));
  ASSERT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
  std::string heard;
  EXPECT_TRUE(ServeUntil([&] { return !(heard += gpsd_->Hear()).empty(); }));
  EXPECT_THAT(heard, HasSubstr(",\"device\":\"/dev/ttyS0\"}"));
}

TEST_F(GpsdClientTest, PutsLinesTogetherFromAnyPieces) {
  ConnectAndGreet();
  const std::string text = absl::StrCat(kFix, "\r\n\n", kFix);
  for (const char c : text) {
    gpsd_->Say({&c, 1});
    Serve();
  }
  ASSERT_TRUE(ServeUntil([this] { return heard_.size() == 2; }));
  EXPECT_EQ(client_->counters().unreadable, 0u);
}

TEST_F(GpsdClientTest, GarbageIsCountedAndHarmsNoOtherLine) {
  ConnectAndGreet();
  std::string garbage = "\x01\x02\xff{\"class\":\"TPV\"\n{}\n[[[[\n$GPRMC,,,*00\n";
  garbage += std::string("\0\0\n", 3);
  gpsd_->Say(absl::StrCat(garbage, kFix));
  ASSERT_TRUE(ServeUntil([this] { return !heard_.empty(); }));
  EXPECT_THAT(heard_, ElementsAre("fix 3"));
  EXPECT_EQ(client_->counters().unreadable, 5u);
  EXPECT_TRUE(client_->connected());
}

TEST_F(GpsdClientTest, ALineThatIsTooLongIsSkippedToItsEnd) {
  ConnectAndGreet();
  const std::string text = absl::StrCat(
      "{\"class\":\"", std::string(3 * GpsdClient::kMaxLine, 'x'), kFix, kFix);
  for (size_t said = 0; said < text.size();) {
    said += gpsd_->Say(absl::string_view(text).substr(said));
    Serve();
    now_ = now_ + absl::Milliseconds(1);
  }
  ASSERT_TRUE(ServeUntil([this] { return !heard_.empty(); }));
  EXPECT_THAT(heard_, ElementsAre("fix 3")) << "the first is part of the long line";
  EXPECT_EQ(client_->counters().unreadable, 1u);
}

TEST_F(GpsdClientTest, AHalfLineIsNothingWhenTheConnectionEnds) {
  ConnectAndGreet();
  gpsd_->Say("{\"class\":\"TPV\",\"device\":\"/dev/ttyS0\",\"mode\":3}");
  gpsd_->Close();
  ASSERT_TRUE(ServeUntil([this] { return Ended(); }));
  EXPECT_THAT(heard_, ElementsAre("down"));
  EXPECT_THAT(Trouble(), HasSubstr("closed the connection"));
  EXPECT_EQ(client_->counters().disconnections, 1u);
}

TEST_F(GpsdClientTest, ConnectsAgainAfterASecondAndForgetsTheHalfLine) {
  ConnectAndGreet();
  gpsd_->Say("{\"class\":");
  Serve();
  gpsd_->Close();
  ASSERT_TRUE(ServeUntil([this] { return Ended(); }));
  EXPECT_EQ(client_->Deadline(), now_ + GpsdClient::kFirstPause);
  std::vector<pollfd> fds;
  client_->AppendPollFds(fds);
  EXPECT_THAT(fds, IsEmpty());
  Serve();
  EXPECT_FALSE(gpsd_->Accept()) << "too early";

  now_ = now_ + GpsdClient::kFirstPause;
  ASSERT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
  gpsd_->Say(absl::StrCat(kGreeting, kFix));
  ASSERT_TRUE(ServeUntil([this] { return heard_.size() == 3; }));
  EXPECT_THAT(heard_, ElementsAre("down", "up", "fix 3"));
  EXPECT_TRUE(client_->trouble().ok());
  EXPECT_EQ(client_->counters().connections, 2u);
}

TEST_F(GpsdClientTest, AGreetingAndAnEndAtOnceAreUpAndDown) {
  Open();
  ASSERT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
  gpsd_->Say(absl::StrCat(kGreeting, kFix));
  gpsd_->Close();
  ASSERT_TRUE(ServeUntil([this] { return Ended(); }));
  EXPECT_THAT(heard_, ElementsAre("up", "fix 3", "down"));
}

TEST_F(GpsdClientTest, TriesLessOftenWhileNobodyListens) {
  uint16_t port = 0;
  {
    const FakeGpsd gone;
    port = gone.port();
  }
  Open(absl::StrCat("127.0.0.1:", port));
  std::vector<int64_t> pauses;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(ServeUntil([this] { return *client_->Deadline() > now_ && Ended(); }));
    pauses.push_back(absl::ToInt64Seconds(ToDuration(*client_->Deadline() - now_)));
    now_ = *client_->Deadline();
  }
  EXPECT_THAT(pauses, ElementsAre(1, 2, 4, 4, 4));
  EXPECT_THAT(Trouble(), HasSubstr("is it running?"));
  EXPECT_THAT(heard_, IsEmpty());
  FakeGpsd gpsd(port);
  EXPECT_TRUE(ServeUntil([&] { return gpsd.Accept(); }));
}

TEST_F(GpsdClientTest, WhoAcceptsAndDoesNotGreetIsLeft) {
  Open();
  ASSERT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
  now_ = now_ + GpsdClient::kAnswerTime - absl::Milliseconds(1);
  Serve();
  EXPECT_TRUE(client_->trouble().ok());
  now_ = now_ + absl::Milliseconds(1);
  Serve();
  EXPECT_THAT(Trouble(), HasSubstr("does not answer"));
  EXPECT_THAT(heard_, IsEmpty());
}

TEST_F(GpsdClientTest, WhoIsNotGpsdIsLeft) {
  for (const char* greeting :
       {"HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-OpenSSH\r\n", kFix,
        "{\"class\":\"VERSION\",\"release\":\"9\\u001b[31m\",\"proto_major\":4}\n"}) {
    Open();
    ASSERT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
    gpsd_->Say(greeting);
    ASSERT_TRUE(ServeUntil([this] { return Ended(); })) << greeting;
    EXPECT_THAT(Trouble(), testing::Not(HasSubstr("\x1b")));
    EXPECT_THAT(heard_, IsEmpty());
  }
}

TEST_F(GpsdClientTest, WhatGpsdRefusesIsToldAndTheConnectionStays) {
  ConnectAndGreet();
  gpsd_->Say("{\"class\":\"ERROR\",\"message\":\"No such device \\u0007\"}\n");
  ASSERT_TRUE(ServeUntil([this] { return !client_->trouble().ok(); }));
  EXPECT_EQ(Trouble(), "gpsd says: No such device \\x07");
  EXPECT_TRUE(client_->connected());
}

TEST_F(GpsdClientTest, AFloodEndsTheConnectionForAWhile) {
  ConnectAndGreet();
  std::string flood;
  while (flood.size() < GpsdClient::kMaxPerSecond) flood += kFix;
  size_t taken = 0;
  size_t most = 0;
  ASSERT_TRUE(ServeUntil([&] {
    taken += gpsd_->Say(flood);
    const size_t before = heard_.size();
    Serve();
    most = std::max(most, heard_.size() - before);
    return Ended();
  }));
  EXPECT_THAT(Trouble(), HasSubstr("more than can be meant"));
  EXPECT_GT(taken, GpsdClient::kMaxPerSecond);
  EXPECT_LE(most, 2 * GpsdClient::kMaxPerTurn / (sizeof kFix - 1))
      << "a turn of the loop stays short";
  EXPECT_EQ(client_->Deadline(), now_ + GpsdClient::kFloodPause);
  EXPECT_EQ(heard_.back(), "down");
}

TEST_F(GpsdClientTest, WhatAFastReceiverSendsIsNoFlood) {
  ConnectAndGreet();
  const std::string second(GpsdClient::kMaxPerSecond / 2, ' ');
  for (int i = 0; i < 10; ++i) {
    for (size_t said = 0; said < second.size();) {
      said += gpsd_->Say(absl::string_view(second).substr(said));
      Serve();
    }
    now_ = now_ + absl::Seconds(1);
    gpsd_->Say("\n");
  }
  EXPECT_TRUE(client_->connected());
}

TEST_F(GpsdClientTest, NeverWaitsForAHostThatDoesNotAnswer) {
  MakeCable();
  ASSERT_TRUE(Shell("ip addr add 192.0.2.2/24 dev veth0"));
  Open("192.0.2.1:2947");
  const MonoTime before = MonoNow();
  Serve();
  EXPECT_LT(ToDuration(MonoNow() - before), absl::Milliseconds(500));
  EXPECT_TRUE(client_->trouble().ok()) << "still trying: " << client_->trouble();
  now_ = now_ + GpsdClient::kAnswerTime;
  Serve();
  EXPECT_THAT(Trouble(), HasSubstr("does not answer"));
}

TEST_F(GpsdClientTest, TriesEveryAddressOfANameBeforeItPauses) {
  Open(absl::StrCat("localhost:", gpsd_->port()));  // Perhaps ::1 first.
  EXPECT_TRUE(ServeUntil([this] { return gpsd_->Accept(); }));
  EXPECT_EQ(client_->counters().connections, 0u);
}

TEST(GpsdPlace, IsReadWithEveryPart) {
  const auto parts = [](absl::string_view text) {
    const auto place = ParseGpsdPlace(text);
    return place.ok() ? absl::StrCat(place->host, " ", place->port, " ", place->device)
                      : "bad";
  };
  EXPECT_EQ(parts("localhost"), "localhost 2947 ");
  EXPECT_EQ(parts("localhost:2948"), "localhost 2948 ");
  EXPECT_EQ(parts("192.0.2.7:2947:/dev/ttyS0"), "192.0.2.7 2947 /dev/ttyS0");
  EXPECT_EQ(parts("h:1:tcp://x:9"), "h 1 tcp://x:9");
  EXPECT_EQ(parts("[::1]"), "::1 2947 ");
  EXPECT_EQ(parts("[fe80::1%eth0]:2948:/dev/a"), "fe80::1%eth0 2948 /dev/a");
  for (const char* bad :
       {"", ":", ":2947", "::1", "[::1", "[]:1", "[::1]2947", "h:", "h:0", "h:65536",
        "h:x", "h:1:", "h:1:/dev/a b", "h:1:\"", "h:1:\\", "h:1:\x01"}) {
    EXPECT_EQ(parts(bad), "bad") << bad;
    EXPECT_TRUE(absl::IsInvalidArgument(GpsdClient::Open(bad).status()));
  }
}

TEST_F(GpsdClientTest, SaysWhenAHostIsNotFound) {
  const auto status = GpsdClient::Open("no.such.host.invalid:2947").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no.such.host.invalid"));
}

}  // namespace
}  // namespace bridge::os
