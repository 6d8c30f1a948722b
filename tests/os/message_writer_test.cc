// Many general messages as one, and where the kernel does not know how.
#include "bridge/os/message_writer.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/os/namespaces.h"

namespace bridge::os {
namespace {

class MessageWriterTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(Shell("ip link set lo up"));
    receiver_ = OpenSocket(AF_INET, SOCK_DGRAM, 0);
    sender_ = OpenSocket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = inet_addr("127.0.0.1");
    in.sin_port = htons(320);
    ASSERT_EQ(bind(receiver_.get(), reinterpret_cast<sockaddr*>(&in), sizeof in), 0);
    std::memcpy(&to_.storage, &in, to_.size = sizeof in);
  }

  // What arrives of `count` messages that are numbered in their first octet.
  std::vector<int> Arriving(uint8_t count) {
    MessageWriter writer(OpenSocket(AF_INET, SOCK_DGRAM, 0), sender_.get(),
                         StampKind::kSoftware, /*udp=*/true);
    ptp::Send send{};
    send.type = ptp::MessageType::kDelayResp;
    send.size = 54;
    for (uint8_t i = 0; i < count; ++i) {
      send.octets[0] = i;
      EXPECT_TRUE(writer.Send(send, to_, counters_).ok());
    }
    EXPECT_TRUE(writer.Flush(counters_).ok());
    std::vector<int> numbers;
    uint8_t octets[4096];
    for (ssize_t n; (n = recv(receiver_.get(), octets, sizeof octets, 0)) > 0;) {
      EXPECT_EQ(n, 54);
      numbers.push_back(octets[0]);
    }
    return numbers;
  }

  FileDescriptor receiver_, sender_;
  SocketAddress to_;
  PtpTransport::Counters counters_;
};

TEST_F(MessageWriterTest, MessagesSentAsOneArriveOneByOne) {
  EXPECT_THAT(Arriving(5), testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(counters_.sent, 5u);
  EXPECT_EQ(counters_.send_errors, 0u);
}

// For the checksum; receivers go by messageLength.
TEST_F(MessageWriterTest, AOneStepSyncOverUdpHasTwoZerosBehindIt) {
  for (const bool udp : {true, false}) {
    MessageWriter writer(OpenSocket(AF_INET, SOCK_DGRAM, 0), sender_.get(),
                         StampKind::kSoftware, udp);
    ptp::Send send{};
    send.type = ptp::MessageType::kSync;
    send.size = 44;
    std::fill_n(send.octets.begin(), 44, uint8_t{0xfd});  // twoStepFlag clear.
    ASSERT_TRUE(writer.Send(send, to_, counters_).ok());
    send.octets[6] = 0x02;
    ASSERT_TRUE(writer.Send(send, to_, counters_).ok());
    uint8_t octets[100];
    std::fill(std::begin(octets), std::end(octets), uint8_t{0xee});
    ASSERT_EQ(recv(receiver_.get(), octets, sizeof octets, 0), udp ? 46 : 44);
    EXPECT_EQ(octets[43], 0xfd);
    EXPECT_EQ(octets[44], udp ? 0 : 0xee);
    EXPECT_EQ(octets[45], udp ? 0 : 0xee);
    EXPECT_EQ(recv(receiver_.get(), octets, sizeof octets, 0), 44) << "two-step";
  }
}

TEST_F(MessageWriterTest, WhereTheKernelCannotSegmentTheyAreSentOneByOne) {
  // It segments no datagrams without a checksum.
  const int on = 1;
  ASSERT_EQ(setsockopt(sender_.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
  EXPECT_THAT(Arriving(5), testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(counters_.sent, 5u);
  EXPECT_EQ(counters_.send_errors, 0u);
}

TEST_F(MessageWriterTest, OneThatIsRefusedStopsNoneBehindIt) {
  to_.size = 3;  // No address.
  MessageWriter writer(OpenSocket(AF_INET, SOCK_DGRAM, 0), sender_.get(),
                       StampKind::kSoftware, /*udp=*/true);
  ptp::Send send{};
  send.type = ptp::MessageType::kDelayResp;
  send.size = 54;
  EXPECT_TRUE(writer.Send(send, to_, counters_).ok());
  to_.size = sizeof(sockaddr_in);
  EXPECT_TRUE(writer.Send(send, to_, counters_).ok());
  EXPECT_FALSE(writer.Flush(counters_).ok());
  EXPECT_EQ(counters_.send_errors, 1u);
  EXPECT_EQ(counters_.sent, 1u);
}

}  // namespace
}  // namespace bridge::os
