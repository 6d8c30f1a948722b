// Two ends of a cable, real packets, the kernel's timestamps.
#include "bridge/os/transport.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <time.h>

#include "absl/strings/match.h"
#include "bridge/os/clocks.h"
#include "bridge/os/interface.h"
#include "bridge/os/message_writer.h"
#include "bridge/os/timestamping.h"
#include "tests/os/namespaces.h"

namespace bridge::os {
namespace {

using ptp::MessageType;

// A message of the right size, recognisable by type and sequence; the transport
// does not look further.
ptp::Send MakeSend(MessageType type, uint16_t sequence) {
  ptp::Send send{};
  send.type = type;
  send.size = type == MessageType::kDelayReq ? 44 : 54;
  send.token = {1000u + sequence};
  for (size_t i = 0; i < send.size; ++i) send.octets[i] = static_cast<uint8_t>(i * 3);
  send.octets[0] = static_cast<uint8_t>(type);
  send.octets[30] = static_cast<uint8_t>(sequence >> 8);
  send.octets[31] = static_cast<uint8_t>(sequence);
  return send;
}

UtcTime SystemNow() { return PairReader().Read().system; }

bool WaitFor(const PtpTransport& transport, int milliseconds = 500) {
  std::vector<pollfd> fds;
  transport.AppendPollFds(fds);
  return poll(fds.data(), fds.size(), milliseconds) > 0;
}

// General messages wait for the flush.
absl::Status SendNow(PtpTransport& transport, const ptp::Send& message) {
  const absl::Status sent = transport.Send(message);
  return sent.ok() ? transport.Flush() : sent;
}

struct Got {
  std::vector<uint8_t> octets;
  std::optional<EventStamp> stamp;
  std::optional<ptp::PortAddress> from;
};

// What a software stamp says.
UtcTime Utc(const EventStamp& stamp) { return std::get<UtcTime>(stamp); }

// Everything that arrives, in whole turns, until `count` messages are there or nothing
// comes.
std::vector<Got> ReceiveAll(PtpTransport& transport, size_t count) {
  std::vector<Got> out;
  std::array<uint8_t, PtpTransport::kBufferSize> buffer;
  while (out.size() < count && WaitFor(transport)) {
    while (true) {
      const auto frame = transport.Receive(buffer);
      EXPECT_TRUE(frame.ok()) << frame.status();
      if (!frame.ok() || !*frame) break;
      out.push_back({{(*frame)->octets.begin(), (*frame)->octets.end()},
                     (*frame)->stamp,
                     (*frame)->from});
    }
  }
  return out;
}

bool Silent(PtpTransport& transport) {
  std::array<uint8_t, PtpTransport::kBufferSize> buffer;
  WaitFor(transport, 30);
  const auto frame = transport.Receive(buffer);
  return frame.ok() && !*frame;
}

std::optional<TxStamp> TransmittedOf(PtpTransport& transport) {
  for (int i = 0; i < 50; ++i) {
    if (auto stamp = transport.ReadTransmitted()) return stamp;
    usleep(10'000);
  }
  return std::nullopt;
}

// A cable between two network namespaces, an address on both ends.
class TransportTest : public NamespaceTest,
                      public testing::WithParamInterface<Transport> {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    here_ = ThisNetwork();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    there_ = ThisNetwork();
    Enter(here_);
    ASSERT_TRUE(Shell("ip link add name veth0 type veth peer name veth1 netns /proc/" +
                      std::to_string(getpid()) + "/fd/" +
                      std::to_string(there_.get())));
    SetUpEnd(here_, "veth0", "1");
    SetUpEnd(there_, "veth1", "2");
    ASSERT_TRUE(WaitForLink("veth1"));
    Enter(here_);
    ASSERT_TRUE(WaitForLink("veth0"));
    ASSERT_NO_FATAL_FAILURE(Open(here_, "veth0", near_));
    ASSERT_NO_FATAL_FAILURE(Open(there_, "veth1", far_));
    Enter(here_);
  }

  static void Enter(const FileDescriptor& network) {
    ASSERT_EQ(setns(network.get(), CLONE_NEWNET), 0);
  }

  static void SetUpEnd(const FileDescriptor& network, const std::string& name,
                       const std::string& host) {
    Enter(network);
    ASSERT_TRUE(Shell("ip link set " + name + " addrgenmode none && ip link set " +
                      name + " up && ip addr add 192.0.2." + host + "/24 dev " + name +
                      " && ip addr add fe80::" + host + "/64 dev " + name + " nodad"));
  }

  static void Open(const FileDescriptor& network, const std::string& name,
                   std::unique_ptr<PtpTransport>& out) {
    Enter(network);
    auto transport = PtpTransport::Open({.kind = GetParam(), .interface = name});
    ASSERT_TRUE(transport.ok()) << transport.status();
    out = *std::move(transport);
  }

  FileDescriptor here_, there_;
  std::unique_ptr<PtpTransport> near_, far_;
};

TEST_P(TransportTest, AnEventMessageArrivesWithReceiveAndTransmitStamps) {
  // The kernel switches receive stamps on from a work queue: the first frames
  // after the socket was opened may have none.
  for (uint16_t sequence = 0; sequence < 50; ++sequence) {
    const ptp::Send sent = MakeSend(MessageType::kDelayReq, sequence);
    const UtcTime before = SystemNow();
    ASSERT_TRUE(near_->Send(sent).ok());

    const auto got = ReceiveAll(*far_, 1);
    ASSERT_EQ(got.size(), 1u);
    ASSERT_GE(got[0].octets.size(), sent.size);
    EXPECT_TRUE(std::equal(sent.octets.begin(), sent.octets.begin() + sent.size,
                           got[0].octets.begin()));

    const auto stamp = TransmittedOf(*near_);
    ASSERT_TRUE(stamp);
    EXPECT_EQ(stamp->token, sent.token);
    EXPECT_GE(Utc(stamp->sent), before);
    EXPECT_LE(Utc(stamp->sent), SystemNow());
    EXPECT_FALSE(near_->ReadTransmitted()) << "one stamp per message";
    if (!got[0].stamp) {
      usleep(10'000);
      continue;
    }
    EXPECT_GE(Utc(*got[0].stamp), Utc(stamp->sent));
    EXPECT_LT(Utc(*got[0].stamp) - before, TimeDelta::FromSeconds(1));
    return;
  }
  FAIL() << "no message was stamped when it was received";
}

TEST_P(TransportTest, PollReportsAWaitingTransmitStamp) {
  ASSERT_TRUE(near_->Send(MakeSend(MessageType::kDelayReq, 1)).ok());
  std::vector<pollfd> fds;
  near_->AppendPollFds(fds);
  ASSERT_EQ(poll(fds.data(), fds.size(), 500), 1);
  const auto reported = [](const pollfd& fd) { return (fd.revents & POLLPRI) != 0; };
  EXPECT_TRUE(std::any_of(fds.begin(), fds.end(), reported));
  ASSERT_TRUE(TransmittedOf(*near_));
  EXPECT_EQ(poll(fds.data(), fds.size(), 0), 0) << "consumed, no busy loop";
  fds.clear();
  near_->AppendPollFds(fds);
  const auto for_stamps = [](const pollfd& fd) { return (fd.events & POLLPRI) != 0; };
  EXPECT_TRUE(std::none_of(fds.begin(), fds.end(), for_stamps)) << "none is to come";
}

TEST_P(TransportTest, OwnMessagesAreNotHeard) {
  ASSERT_TRUE(near_->Send(MakeSend(MessageType::kDelayReq, 1)).ok());
  ASSERT_EQ(ReceiveAll(*far_, 1).size(), 1u);
  EXPECT_TRUE(Silent(*near_));
}

TEST_P(TransportTest, EveryMessageTypeReachesTheOtherEnd) {
  const MessageType types[] = {MessageType::kDelayReq, MessageType::kPdelayReq,
                               MessageType::kPdelayResp,
                               MessageType::kPdelayRespFollowUp};
  for (const MessageType type : types) {
    ASSERT_TRUE(SendNow(*near_, MakeSend(type, 1)).ok());
    const auto got = ReceiveAll(*far_, 1);
    ASSERT_EQ(got.size(), 1u) << ptp::IsEvent(type);
    EXPECT_EQ(got[0].octets[0], static_cast<uint8_t>(type));
  }
  EXPECT_EQ(far_->counters().received, 4u);
  EXPECT_EQ(near_->counters().sent, 4u);
}

// The address of an end, as the kernel has it on its interface.
ptp::PortAddress AddressOf(Transport kind, const std::string& interface, uint8_t host) {
  ptp::PortAddress address;
  if (kind == Transport::kL2) {
    const auto info = ReadInterface(interface);
    EXPECT_TRUE(info.ok() && info->has_mac);
    if (!info.ok()) return {};
    std::copy(info->mac.begin(), info->mac.end(), address.octets.begin());
    address.size = 6;
  } else if (kind == Transport::kUdp4) {
    address = {.octets = {192, 0, 2, host}, .size = 4};
  } else {
    address = {.octets = {0xfe, 0x80}, .size = 16};
    address.octets[15] = host;
  }
  return address;
}

TEST_P(TransportTest, AReceivedMessageSaysWhoSentIt) {
  const ptp::PortAddress near = AddressOf(GetParam(), "veth0", 1);
  // One to each socket.
  for (const MessageType type : {MessageType::kDelayReq, MessageType::kDelayResp}) {
    ASSERT_TRUE(SendNow(*near_, MakeSend(type, 1)).ok());
    const auto got = ReceiveAll(*far_, 1);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].from, near);
  }
}

TEST_P(TransportTest, AnAnswerToAnAddressGoesToThatHostAlone) {
  ASSERT_TRUE(near_->Send(MakeSend(MessageType::kDelayReq, 1)).ok());
  const auto request = ReceiveAll(*far_, 1);
  ASSERT_EQ(request.size(), 1u);
  ASSERT_TRUE(request[0].from);
  FileDescriptor sniffer = OpenSocket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));

  for (const MessageType type : {MessageType::kDelayResp, MessageType::kPdelayResp}) {
    for (const bool unicast : {true, false}) {
      ptp::Send answer = MakeSend(type, 2);
      if (unicast) answer.to = request[0].from;
      ASSERT_TRUE(SendNow(*far_, answer).ok());
      const auto got = ReceiveAll(*near_, 1);
      ASSERT_EQ(got.size(), 1u) << unicast;
      EXPECT_EQ(got[0].octets[0], static_cast<uint8_t>(type));
      // The last frame that came, ARP and neighbour discovery aside: ours.
      sockaddr_ll link{};
      socklen_t size = sizeof link;
      std::optional<uint8_t> packet_type;
      uint8_t octets[256];
      for (ssize_t n; (n = recvfrom(sniffer.get(), octets, sizeof octets, MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&link), &size)) > 0;) {
        uint8_t* const end = octets + n;
        if (std::search(octets, end, &answer.octets[20], &answer.octets[32]) != end) {
          packet_type = link.sll_pkttype;
        }
      }
      ASSERT_TRUE(packet_type);
      EXPECT_EQ(*packet_type, unicast ? PACKET_HOST : PACKET_MULTICAST);
    }
  }
}

TEST_P(TransportTest, AnAddressOfAnotherNetworkIsRefused) {
  for (const uint8_t size : std::initializer_list<uint8_t>{0, 4, 6, 16}) {
    ptp::Send send = MakeSend(MessageType::kDelayReq, 1);
    send.to = {.octets = {}, .size = size};
    const bool known = AddressOf(GetParam(), "veth0", 1).size == size;
    EXPECT_EQ(absl::IsInvalidArgument(near_->Send(send)), !known) << int{size};
  }
}

TEST_P(TransportTest, StampsGoToTheTokensOfTheirMessages) {
  for (uint16_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(near_->Send(MakeSend(MessageType::kPdelayReq, i)).ok());
    ASSERT_TRUE(SendNow(*near_, MakeSend(MessageType::kPdelayRespFollowUp, i)).ok());
  }
  std::optional<UtcTime> last;
  for (uint16_t i = 0; i < 5; ++i) {
    const auto stamp = TransmittedOf(*near_);
    ASSERT_TRUE(stamp);
    EXPECT_EQ(stamp->token.value, 1000u + i);
    if (last) {
      EXPECT_GT(Utc(stamp->sent), *last);
    }
    last = Utc(stamp->sent);
  }
  EXPECT_EQ(near_->counters().tx_stamps_unknown, 0u);
}

TEST_P(TransportTest, GeneralMessagesWaitForTheFlushAndKeepTheirOrder) {
  // More than are ever collected, of several lengths, to a group and to one host.
  constexpr uint16_t kCount = 2 * MessageWriter::kCapacity + 5;
  Enter(there_);
  const ptp::PortAddress far = AddressOf(GetParam(), "veth1", 2);
  Enter(here_);
  const auto message = [&far](uint16_t i) {
    ptp::Send send = MakeSend(MessageType::kDelayResp, i);
    if (i % 11 > 6) send.size = 44;
    if (i % 5 > 2) send.to = far;
    return send;
  };
  ASSERT_TRUE(near_->Send(message(0)).ok());
  EXPECT_TRUE(Silent(*far_));
  EXPECT_EQ(near_->counters().sent, 0u);
  for (uint16_t i = 1; i < kCount; ++i) ASSERT_TRUE(near_->Send(message(i)).ok());
  ASSERT_TRUE(near_->Flush().ok());
  EXPECT_EQ(near_->counters().sent, kCount);

  const auto got = ReceiveAll(*far_, kCount);
  ASSERT_EQ(got.size(), kCount);
  for (uint16_t i = 0; i < kCount; ++i) {
    const ptp::Send sent = message(i);
    ASSERT_GE(got[i].octets.size(), sent.size) << i;
    EXPECT_TRUE(std::equal(sent.octets.begin(), sent.octets.begin() + sent.size,
                           got[i].octets.begin()))
        << i;
  }
  ASSERT_TRUE(near_->Flush().ok());
  EXPECT_TRUE(Silent(*far_)) << "a flush sends everything once";
}

TEST_P(TransportTest, ATurnIsBoundedAndReadsEverySocket) {
  constexpr size_t kEvents = 3 * PtpTransport::kBatch;
  for (uint16_t i = 0; i < kEvents; ++i) {
    ASSERT_TRUE(far_->Send(MakeSend(MessageType::kDelayReq, i)).ok());
  }
  ASSERT_TRUE(SendNow(*far_, MakeSend(MessageType::kDelayResp, 0)).ok());
  usleep(50'000);

  const auto first = ReceiveAll(*near_, 1);  // A turn is never left half way.
  const auto generals = std::count_if(first.begin(), first.end(), [](const Got& got) {
    return got.octets[0] == static_cast<uint8_t>(MessageType::kDelayResp);
  });
  const bool two_sockets = GetParam() != Transport::kL2;
  EXPECT_EQ(first.size(), PtpTransport::kBatch + (two_sockets ? 1 : 0));
  EXPECT_EQ(generals, two_sockets ? 1 : 0);
  EXPECT_EQ(first.size() + ReceiveAll(*near_, kEvents + 1 - first.size()).size(),
            kEvents + 1);
}

TEST_P(TransportTest, WhatCannotBeFlushedIsCountedAndForgotten) {
  ASSERT_TRUE(Shell("ip link set veth0 down"));
  ASSERT_TRUE(near_->Send(MakeSend(MessageType::kDelayResp, 1)).ok());
  ASSERT_TRUE(near_->Send(MakeSend(MessageType::kDelayResp, 2)).ok());
  EXPECT_FALSE(near_->Flush().ok());
  EXPECT_EQ(near_->counters().send_errors, 2u);
  ASSERT_TRUE(
      Shell("ip link set veth0 up && ip addr replace 192.0.2.1/24 dev veth0 && "
            "ip addr replace fe80::1/64 dev veth0 nodad"));
  ASSERT_TRUE(WaitForLink("veth0"));
  EXPECT_TRUE(near_->Flush().ok());
  EXPECT_TRUE(Silent(*far_));
}

// Transmit stamps share the receive buffer of their socket.
TEST_P(TransportTest, AFloodThatNobodyReadsIsCountedAndCostsNoTransmitStamp) {
  const ptp::Send request = MakeSend(MessageType::kDelayReq, 1);
  for (int i = 0; near_->counters().rx_overflows == 0 && i < 100'000; ++i) {
    (void)far_->Send(request);
    if (i % 64 == 0) near_->CountOverflows();
  }
  ASSERT_GT(near_->counters().rx_overflows, 0u);
  const ptp::Send sent = MakeSend(MessageType::kSync, 2);
  ASSERT_TRUE(near_->Send(sent).ok());
  const auto stamp = TransmittedOf(*near_);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->token, sent.token);

  const uint64_t overflows = near_->counters().rx_overflows;
  near_->CountOverflows();
  EXPECT_EQ(near_->counters().rx_overflows, overflows) << "each counts once";
}

TEST_P(TransportTest, AFailedSendDoesNotShiftTheStampsOfLaterOnes) {
  ASSERT_TRUE(Shell("ip link set veth0 down"));
  EXPECT_FALSE(near_->Send(MakeSend(MessageType::kDelayReq, 1)).ok());
  EXPECT_EQ(near_->counters().send_errors, 1u);
  ASSERT_TRUE(
      Shell("ip link set veth0 up && ip addr replace 192.0.2.1/24 dev veth0 && "
            "ip addr replace fe80::1/64 dev veth0 nodad"));
  const ptp::Send second = MakeSend(MessageType::kDelayReq, 2);
  absl::Status status;
  for (int i = 0; i < 50 && !(status = near_->Send(second)).ok(); ++i) usleep(10'000);
  ASSERT_TRUE(status.ok()) << status;
  const auto stamp = TransmittedOf(*near_);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->token, second.token);
}

TEST_P(TransportTest, AnInterfaceThatGoesDownAndUpNeedsNoNewTransport) {
  ASSERT_TRUE(Shell("ip link set veth0 down"));
  std::array<uint8_t, PtpTransport::kBufferSize> buffer;
  for (int i = 0; i < 4; ++i) (void)near_->Receive(buffer);  // One may say ENETDOWN.
  ASSERT_TRUE(
      Shell("ip link set veth0 up && ip addr replace fe80::1/64 dev veth0 nodad"));
  std::vector<Got> got;
  for (int i = 0; i < 20 && got.empty(); ++i) {
    ASSERT_TRUE(far_->Send(MakeSend(MessageType::kDelayReq, 3)).ok());
    if (WaitFor(*near_, 25)) got = ReceiveAll(*near_, 1);
  }
  EXPECT_FALSE(got.empty());
}

TEST_P(TransportTest, ADeletedInterfaceIsAStatusAndNotABusyLoop) {
  ASSERT_TRUE(Shell("ip link del veth0"));
  std::array<uint8_t, PtpTransport::kBufferSize> buffer;
  for (int i = 0; i < 4; ++i) (void)near_->Receive(buffer);
  EXPECT_FALSE(near_->Send(MakeSend(MessageType::kDelayReq, 1)).ok());
  EXPECT_FALSE(WaitFor(*near_, 0));
}

TEST_P(TransportTest, AMessageThatDoesNotFitTheBufferIsDroppedAndCounted) {
  ASSERT_TRUE(near_->Send(MakeSend(MessageType::kPdelayReq, 1)).ok());
  ASSERT_TRUE(WaitFor(*far_));
  std::array<uint8_t, 40> small;
  const auto frame = far_->Receive(small);
  ASSERT_TRUE(frame.ok());
  EXPECT_FALSE(*frame);
  EXPECT_EQ(far_->counters().rx_truncated, 1u);
}

TEST_P(TransportTest, AnInterfaceThatDoesNotExistIsNamed) {
  const auto transport = PtpTransport::Open({.kind = GetParam(), .interface = "nope0"});
  EXPECT_TRUE(absl::IsNotFound(transport.status()));
  EXPECT_THAT(std::string(transport.status().message()), testing::HasSubstr("nope0"));
}

TEST_P(TransportTest, WithoutPrivilegeTheErrorSaysWhatToDo) {
  EXPECT_EQ(AsNobody([] {
              const auto transport =
                  PtpTransport::Open({.kind = GetParam(), .interface = "veth0"});
              return absl::IsPermissionDenied(transport.status()) &&
                             absl::StrContains(transport.status().message(), "CAP_")
                         ? 0
                         : 1;
            }),
            0);
}

TEST_P(TransportTest, StampsThatNeverComeAreCountedAndDoNotAccumulate) {
  for (uint16_t i = 0; i < PendingStamps::kCapacity + 24; ++i) {
    ASSERT_TRUE(near_->Send(MakeSend(MessageType::kDelayReq, i)).ok());
  }
  EXPECT_EQ(near_->counters().tx_stamps_missing, 24u);  // The oldest gave way.
  std::vector<uint64_t> tokens;
  for (int i = 0; i < 4; ++i) {
    while (auto stamp = near_->ReadTransmitted()) tokens.push_back(stamp->token.value);
  }
  EXPECT_EQ(tokens.size(), PendingStamps::kCapacity);
  EXPECT_EQ(tokens.front(), 1024u);
  EXPECT_EQ(near_->counters().tx_stamps_unknown, 24u);
}

INSTANTIATE_TEST_SUITE_P(Over, TransportTest,
                         testing::Values(Transport::kL2, Transport::kUdp4,
                                         Transport::kUdp6),
                         [](const auto& test) {
                           switch (test.param) {
                             case Transport::kL2:
                               return "L2";
                             case Transport::kUdp4:
                               return "Udp4";
                             case Transport::kUdp6:
                               return "Udp6";
                           }
                           return "";
                         });

// ---- What only Ethernet has.

using L2TransportTest = NamespaceTest;

TEST_F(L2TransportTest, GoesToTheGroupOfTheMessageType) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  auto near = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth0"});
  ASSERT_TRUE(near.ok()) << near.status();
  FileDescriptor sniffer = OpenSocket(AF_PACKET, SOCK_RAW, htons(ETH_P_1588));
  for (const auto& [type, last] : {std::pair{MessageType::kDelayReq, 0x00},
                                   std::pair{MessageType::kPdelayReq, 0x0e}}) {
    ASSERT_TRUE((*near)->Send(MakeSend(type, 1)).ok());
    pollfd readable{sniffer.get(), POLLIN, 0};
    ASSERT_EQ(poll(&readable, 1, 500), 1);
    uint8_t frame[128];
    ASSERT_GT(recv(sniffer.get(), frame, sizeof frame, 0), 14);
    EXPECT_EQ(frame[0], 0x01);
    EXPECT_EQ(frame[5], last);
    EXPECT_EQ(frame[12], 0x88);
    EXPECT_EQ(frame[13], 0xf7);
  }
}

TEST_F(L2TransportTest, HearsBothEndsOfACableInOneNamespaceApart) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  auto near = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth0"});
  auto far = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth1"});
  ASSERT_TRUE(near.ok() && far.ok());
  ASSERT_TRUE((*near)->Send(MakeSend(MessageType::kDelayReq, 1)).ok());
  EXPECT_EQ(ReceiveAll(**far, 1).size(), 1u);
  EXPECT_TRUE(Silent(**near));
}

// Whether poll(2) of those that AppendPollFds gives says that there is something.
bool Polled(const PtpTransport& transport, bool all, int milliseconds) {
  std::vector<pollfd> fds;
  transport.AppendPollFds(fds, all);
  return poll(fds.data(), fds.size(), milliseconds) > 0;
}

// The types of the messages of one turn.
std::vector<MessageType> TypesOfTurn(PtpTransport& transport) {
  std::vector<MessageType> types;
  std::array<uint8_t, PtpTransport::kBufferSize> buffer;
  for (auto frame = transport.Receive(buffer); frame.ok() && *frame;
       frame = transport.Receive(buffer)) {
    types.push_back(static_cast<MessageType>((*frame)->octets[0] & 0x0f));
  }
  return types;
}

TEST_F(L2TransportTest, WhereItIsPatientADelayRespWakesNobodyAndIsReadFirst) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  auto near = PtpTransport::Open(
      {.kind = Transport::kL2, .interface = "veth0", .patient = true});
  auto far = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth1"});
  ASSERT_TRUE(near.ok() && far.ok());
  ASSERT_TRUE(SendNow(**far, MakeSend(MessageType::kDelayResp, 1)).ok());
  ASSERT_TRUE(Polled(**near, true, 500)) << "it is there";
  EXPECT_FALSE(Polled(**near, false, 0));

  ASSERT_TRUE(SendNow(**far, MakeSend(MessageType::kFollowUp, 2)).ok());
  ASSERT_TRUE(Polled(**near, false, 500));
  EXPECT_EQ(TypesOfTurn(**near),
            (std::vector{MessageType::kDelayResp, MessageType::kFollowUp}));
  EXPECT_FALSE(Polled(**near, true, 0)) << "each came once";
}

TEST_F(L2TransportTest, WhereItIsPatientManyDelayRespAreReadAsTheyCome) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  auto near = PtpTransport::Open(
      {.kind = Transport::kL2, .interface = "veth0", .patient = true});
  auto far = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth1"});
  ASSERT_TRUE(near.ok() && far.ok());
  constexpr size_t kMany = PtpTransport::kBatch + 2;  // Of other slaves.
  for (uint16_t i = 0; i < kMany; ++i) {
    ASSERT_TRUE(SendNow(**far, MakeSend(MessageType::kDelayResp, i)).ok());
  }
  ASSERT_TRUE(Polled(**near, true, 500));
  ASSERT_EQ(TypesOfTurn(**near).size(), PtpTransport::kBatch);
  EXPECT_TRUE(Polled(**near, false, 0)) << "the others do not wait";
  EXPECT_EQ(TypesOfTurn(**near).size(), kMany - PtpTransport::kBatch);

  ASSERT_TRUE(SendNow(**far, MakeSend(MessageType::kDelayResp, kMany)).ok());
  ASSERT_TRUE(Polled(**near, true, 500));
  EXPECT_FALSE(Polled(**near, false, 0)) << "patient again";
}

TEST_F(L2TransportTest, FramesToAnotherHostAreIgnored) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  ASSERT_TRUE(Shell("ip link set veth1 promisc on"));
  auto far = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth1"});
  ASSERT_TRUE(far.ok());
  const auto veth0 = ReadInterface("veth0");
  ASSERT_TRUE(veth0.ok());
  FileDescriptor raw = OpenSocket(AF_PACKET, SOCK_RAW, 0);
  uint8_t frame[64] = {0x02, 1, 2, 3, 4, 5, 0x02, 1, 2, 3, 4, 6, 0x88, 0xf7};
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = veth0->index;
  ASSERT_EQ(sendto(raw.get(), frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to),
            64);
  EXPECT_TRUE(Silent(**far));
  EXPECT_EQ((*far)->counters().rx_ignored, 1u);
}

// The kernel counts such sends in SOF_TIMESTAMPING_OPT_ID although they fail.
TEST_F(L2TransportTest, AFullQueueDoesNotShiftTheStampsOfLaterMessages) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  if (!Shell("tc qdisc add dev veth0 root tbf rate 8kbit burst 100 limit 100")) {
    GTEST_SKIP() << "needs tc and the tbf queue";
  }
  auto near = PtpTransport::Open({.kind = Transport::kL2, .interface = "veth0"});
  ASSERT_TRUE(near.ok());
  for (uint16_t i = 0; i < 10; ++i)
    (void)(*near)->Send(MakeSend(MessageType::kDelayReq, i));
  ASSERT_GT((*near)->counters().send_errors, 0u);
  ASSERT_TRUE(Shell("tc qdisc del dev veth0 root"));
  const ptp::Send last = MakeSend(MessageType::kDelayReq, 99);
  ASSERT_TRUE((*near)->Send(last).ok());
  std::optional<TxStamp> stamp;
  while (auto next = TransmittedOf(**near)) {
    stamp = next;
    if (stamp->token == last.token) break;
  }
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->token, last.token);
}

TEST_F(L2TransportTest, LoopbackIsRefusedWithAnAlternative) {
  const auto transport =
      PtpTransport::Open({.kind = Transport::kL2, .interface = "lo"});
  EXPECT_TRUE(absl::IsInvalidArgument(transport.status()));
  EXPECT_THAT(std::string(transport.status().message()), testing::HasSubstr("udp4"));
}

}  // namespace
}  // namespace bridge::os
