// What needs no hardware; in a virtual machine with two interfaces on one cable, the
// rest (phc_lab.h).
#include "bridge/os/hardware_stamps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "absl/strings/match.h"
#include "bridge/os/hardware.h"
#include "bridge/os/transport.h"
#include "tests/os/phc_lab.h"

namespace bridge::os {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::vector<std::string> NamesOf(const std::vector<Quirk>& quirks) {
  std::vector<std::string> out;
  for (const Quirk& quirk : quirks) {
    EXPECT_FALSE(quirk.sentence.empty());
    out.push_back(quirk.name);
  }
  return out;
}

TEST(HardwareStamps, AFilterIsJudgedByWhatTheTransportNeeds) {
  for (const int filter : {HWTSTAMP_FILTER_ALL, HWTSTAMP_FILTER_PTP_V2_EVENT}) {
    EXPECT_TRUE(LetsEventMessagesIn(filter, Transport::kL2));
    EXPECT_TRUE(LetsEventMessagesIn(filter, Transport::kUdp6));
  }
  EXPECT_TRUE(LetsEventMessagesIn(HWTSTAMP_FILTER_PTP_V2_L2_EVENT, Transport::kL2));
  EXPECT_FALSE(LetsEventMessagesIn(HWTSTAMP_FILTER_PTP_V2_L2_EVENT, Transport::kUdp4));
  EXPECT_TRUE(LetsEventMessagesIn(HWTSTAMP_FILTER_PTP_V2_L4_EVENT, Transport::kUdp4));
  EXPECT_FALSE(LetsEventMessagesIn(HWTSTAMP_FILTER_PTP_V2_L4_EVENT, Transport::kL2));
  for (const int filter : std::initializer_list<int>{
           HWTSTAMP_FILTER_NONE, HWTSTAMP_FILTER_SOME, HWTSTAMP_FILTER_NTP_ALL,
           HWTSTAMP_FILTER_PTP_V2_SYNC, HWTSTAMP_FILTER_PTP_V1_L4_EVENT, 99}) {
    EXPECT_FALSE(LetsEventMessagesIn(filter, Transport::kL2)) << filter;
    EXPECT_FALSE(LetsEventMessagesIn(filter, Transport::kUdp4)) << filter;
  }
}

TEST(HardwareStamps, QuirksAreKnownByDriverAndClock) {
  EXPECT_THAT(QuirksOf("e1000e", "phc"), IsEmpty());
  EXPECT_THAT(QuirksOf("", ""), IsEmpty());
  EXPECT_THAT(NamesOf(QuirksOf("igb", "001122334455")),
              ElementsAre("phc-reset-on-link-change"));
  EXPECT_THAT(NamesOf(QuirksOf("macb", "gem-ptp-timer")),
              ElementsAre("minor-version-0", "phc-from-utc"));
  EXPECT_THAT(NamesOf(QuirksOf("bcmgenet", "BCM54210PE")),
              ElementsAre("minor-version-0", "tx-timestamp-slow", "phc-read-slow",
                          "phc-read-loses-pulses"));
  EXPECT_EQ(NamesOf(QuirksOf("bcmgenet", "bcm_phy_ptp")),
            NamesOf(QuirksOf("bcmgenet", "BCM54210PE")));
}

TEST(HardwareStamps, TheTwoPhcsOfACm5AreToldApart) {
  const auto mac =
      QuirksOf("macb", "gem-ptp-timer", {{0, "gem-ptp-timer"}, {1, "bcm_phy_ptp"}});
  ASSERT_FALSE(mac.empty());
  EXPECT_EQ(mac.back().name, "two-phcs");
  EXPECT_THAT(mac.back().sentence, HasSubstr("timestamps are of gem-ptp-timer"));
  EXPECT_THAT(mac.back().sentence,
              HasSubstr("(/dev/ptp0 gem-ptp-timer, /dev/ptp1 bcm_phy_ptp)"));
  const auto phy = QuirksOf("macb", "bcm_phy_ptp");
  ASSERT_FALSE(phy.empty());
  EXPECT_EQ(phy.back().name, "two-phcs");
  EXPECT_THAT(NamesOf(phy), testing::Not(testing::Contains("phc-from-utc")));
}

TEST(HardwareStamps, AnInterfaceThatDoesNotExistIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ReadHardwareStamps("nope0").status()));
  EXPECT_FALSE(EnableHardwareStamps("nope0", Transport::kL2).ok());
  EXPECT_FALSE(HardwareStampsEnabled("nope0", Transport::kL2));
}

using HardwareStampsVeth = NamespaceTest;

TEST_F(HardwareStampsVeth, AnInterfaceWithoutThemSaysSo) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  const auto stamps = ReadHardwareStamps("veth0");
  ASSERT_TRUE(stamps.ok()) << stamps.status();
  EXPECT_FALSE(stamps->complete());
  EXPECT_EQ(stamps->phc_index, -1);
  EXPECT_EQ(stamps->driver, "veth");
  const absl::Status status = EnableHardwareStamps("veth0", Transport::kL2);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ptp.timestamping"));
}

TEST_F(HardwareStampsVeth, TheDriverOfAVlanIsThatOfTheDeviceBelow) {
  ASSERT_NO_FATAL_FAILURE(MakeCable());
  if (!Shell("ip link add link veth0 name veth0.5 type vlan id 5 2>/dev/null && "
             "ip link add link veth0.5 name inner type vlan id 6")) {
    GTEST_SKIP() << "this kernel has no VLANs";
  }
  for (const char* name : {"veth0.5", "inner"}) {
    const auto stamps = ReadHardwareStamps(name);
    ASSERT_TRUE(stamps.ok()) << stamps.status();
    EXPECT_EQ(stamps->driver, "veth");
  }
}

// ---- In the virtual machine.

class HardwareStampsLab : public PhcLab {
 protected:
  void SetUp() override {
    PhcLab::SetUp();
    if (IsSkipped()) return;
    Forget();
  }
  // Switched off and down, no addresses.
  static void Forget() {
    for (const char* name : {"eth0", "eth1"}) {
      Set(name, HWTSTAMP_TX_OFF, HWTSTAMP_FILTER_NONE);
      EXPECT_TRUE(Shell(std::string("ip addr flush dev ") + name +
                        " 2>/dev/null; ip link set " + name + " down"));
    }
  }
  static hwtstamp_config Ask(const std::string& name, unsigned long request,
                             hwtstamp_config setting) {
    ifreq question{};
    name.copy(question.ifr_name, IFNAMSIZ - 1);
    question.ifr_data = reinterpret_cast<char*>(&setting);
    FileDescriptor fd = OpenSocket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd.get(), request, &question) != 0) return {-1, -1, -1};
    return setting;
  }
  // What the driver made of it.
  static int Set(const std::string& name, int tx_type, int filter) {
    return Ask(name, SIOCSHWTSTAMP,
               {.flags = 0, .tx_type = tx_type, .rx_filter = filter})
        .rx_filter;
  }
  static int FilterOf(const std::string& name) {
    return Ask(name, SIOCGHWTSTAMP, {}).rx_filter;
  }
};

TEST_F(HardwareStampsLab, AreFoundSwitchedOnAndSeenWhenSomebodySwitchesThemOff) {
  const auto stamps = ReadHardwareStamps("eth1");
  ASSERT_TRUE(stamps.ok()) << stamps.status();
  EXPECT_TRUE(stamps->complete());
  EXPECT_EQ(stamps->phc_index, phc1_->index());
  EXPECT_THAT(stamps->phcs, ElementsAre(Pair(phc1_->index(), phc1_->clock_name())));
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), false);
  ASSERT_TRUE(EnableHardwareStamps("eth1", Transport::kL2).ok());
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), true);
  Set("eth1", HWTSTAMP_TX_OFF, HWTSTAMP_FILTER_NONE);
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), false);
}

TEST_F(HardwareStampsLab, APhcThatDoesNotStampForTheInterfaceIsRefused) {
  Config config;
  config.ptp.interface = "eth1";
  config.phc.mode = PhcMode::kObserve;
  config.phc.device = phc0_->device();
  Config required = config;
  required.ptp.timestamping = Timestamping::kHardware;
  EXPECT_THAT(std::string(FindHardware(required).status().message()),
              HasSubstr("but eth1 stamps with " + phc1_->device()));
  const auto software = FindHardware(config);
  ASSERT_TRUE(software.ok());
  EXPECT_FALSE(software->present());
  ASSERT_FALSE(software->news.empty());
  EXPECT_THAT(software->news[0].text, HasSubstr("eth1 stamps with " + phc1_->device()));

  required.phc.device = phc1_->device();
  const auto found = FindHardware(required);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->phc->index(), phc1_->index());
}

TEST_F(HardwareStampsLab, ASettingThatSufficesIsLeftAlone) {
  if (Set("eth1", HWTSTAMP_TX_ON, HWTSTAMP_FILTER_ALL) != HWTSTAMP_FILTER_ALL) {
    GTEST_SKIP() << "this driver does not stamp everything";
  }
  ASSERT_TRUE(EnableHardwareStamps("eth1", Transport::kUdp4).ok());
  EXPECT_EQ(FilterOf("eth1"), HWTSTAMP_FILTER_ALL);
}

TEST_F(HardwareStampsLab, ASettingThatDoesNotSufficeIsReplaced) {
  ASSERT_EQ(Set("eth1", HWTSTAMP_TX_OFF, HWTSTAMP_FILTER_PTP_V2_EVENT),
            HWTSTAMP_FILTER_PTP_V2_EVENT);
  ASSERT_TRUE(EnableHardwareStamps("eth1", Transport::kL2).ok());
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), true);
}

TEST_F(HardwareStampsLab, OneStepIsSwitchedOnAndOffWhereTheDriverHasIt) {
  const std::string can = "/sys/module/phcpair/parameters/onestep";
  if (access(can.c_str(), W_OK) != 0) GTEST_SKIP() << "not of this driver";
  constexpr auto kOneStep = SyncStamps::kOneStep;
  ASSERT_TRUE(EnableHardwareStamps("eth1", Transport::kL2).ok());
  const absl::Status none = EnableHardwareStamps("eth1", Transport::kL2, kOneStep);
  EXPECT_THAT(std::string(none.message()), HasSubstr("eth1 has no one-step Sync"));
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), true) << "as it was";

  std::ofstream(can) << 1 << std::flush;
  ASSERT_TRUE(EnableHardwareStamps("eth1", Transport::kL2, kOneStep).ok());
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2, kOneStep), true);
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), false);
  ASSERT_TRUE(EnableHardwareStamps("eth1", Transport::kL2).ok());
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2, kOneStep), false);
  EXPECT_EQ(HardwareStampsEnabled("eth1", Transport::kL2), true);
  std::ofstream(can) << 0 << std::flush;
}

TEST_F(HardwareStampsLab, WithoutPrivilegeTheErrorSaysWhatToDo) {
  EXPECT_EQ(AsNobody([] {
              const absl::Status status = EnableHardwareStamps("eth1", Transport::kL2);
              return absl::IsPermissionDenied(status) &&
                             absl::StrContains(status.message(), "CAP_NET_ADMIN")
                         ? 0
                         : 1;
            }),
            0);
}

struct Wire {
  Transport transport;
  bool vlan;
};

// Both ends of the cable, eth1 in a namespace of its own. It is eth1 that sends.
class HardwareStampsWire : public HardwareStampsLab,
                           public testing::WithParamInterface<Wire> {
 protected:
  void SetUp() override {
    HardwareStampsLab::SetUp();
    if (IsSkipped()) return;
    const auto stamps = ReadHardwareStamps("eth0");
    ASSERT_TRUE(stamps.ok()) << stamps.status();
    if (stamps->driver == "igb" &&
        (GetParam().transport != Transport::kL2 || GetParam().vlan)) {
      GTEST_SKIP() << "QEMU's igb stamps untagged Ethernet only";
    }
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    there_ = ThisNetwork();
    Enter(home_);
    ASSERT_TRUE(Shell("ip link set eth1 netns " + PathOf(there_)));
    ASSERT_NO_FATAL_FAILURE(SetUpEnd(home_, "eth0", "1"));
    ASSERT_NO_FATAL_FAILURE(SetUpEnd(there_, "eth1", "2"));
    Enter(home_);
    ASSERT_NO_FATAL_FAILURE(OpenEnd(home_, "eth0", far_));
    ASSERT_NO_FATAL_FAILURE(OpenEnd(there_, "eth1", near_));
    Enter(home_);
  }
  void TearDown() override {
    near_.reset();
    far_.reset();
    if (!there_.ok()) return;
    Enter(there_);
    Shell("ip link del eth1.5 2>/dev/null");
    EXPECT_TRUE(Shell("ip link set eth1 netns " + PathOf(home_)));
    Enter(home_);
    Shell("ip link del eth0.5 2>/dev/null");
    Forget();
  }

  static std::string PathOf(const FileDescriptor& network) {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(network.get());
  }
  static void Enter(const FileDescriptor& network) {
    ASSERT_EQ(setns(network.get(), CLONE_NEWNET), 0);
  }
  static std::string NameOn(const std::string& cable) {
    return GetParam().vlan ? cable + ".5" : cable;
  }
  static void SetUpEnd(const FileDescriptor& network, const std::string& cable,
                       const std::string& host) {
    Enter(network);
    const std::string name = NameOn(cable);
    if (GetParam().vlan) {
      ASSERT_TRUE(
          Shell("ip link add link " + cable + " name " + name + " type vlan id 5"));
    }
    ASSERT_TRUE(Shell("ip link set " + cable + " up && ip link set " + name +
                      " up && ip addr add 192.0.2." + host + "/24 dev " + name +
                      " && ip addr add fe80::" + host + "/64 dev " + name + " nodad"));
  }
  static void OpenEnd(const FileDescriptor& network, const std::string& cable,
                      std::unique_ptr<PtpTransport>& out) {
    Enter(network);
    const std::string name = NameOn(cable);
    ASSERT_TRUE(WaitForLink(name));
    // Asked of the VLAN, set in the device below it.
    const absl::Status enabled = EnableHardwareStamps(name, GetParam().transport);
    ASSERT_TRUE(enabled.ok()) << enabled;
    EXPECT_EQ(HardwareStampsEnabled(cable, GetParam().transport), true);
    auto transport = PtpTransport::Open({.kind = GetParam().transport,
                                         .interface = name,
                                         .stamps = StampKind::kHardware});
    ASSERT_TRUE(transport.ok()) << transport.status();
    out = *std::move(transport);
  }

  std::optional<TxStamp> Transmitted() {
    for (int i = 0; i < 50; ++i) {
      if (auto stamp = near_->ReadTransmitted()) return stamp;
      usleep(10'000);
    }
    return std::nullopt;
  }
  std::optional<EventStamp> Received() {
    std::array<uint8_t, PtpTransport::kBufferSize> buffer;
    for (int i = 0; i < 50; ++i) {
      const auto frame = far_->Receive(buffer);
      if (frame.ok() && *frame) return (*frame)->stamp;
      usleep(10'000);
    }
    return std::nullopt;
  }

  FileDescriptor there_;
  std::unique_ptr<PtpTransport> near_, far_;
};

// One that hardware takes for one.
ptp::Send MakeSend(ptp::MessageType type, uint16_t sequence) {
  ptp::Send send{};
  send.type = type;
  send.size = type == ptp::MessageType::kDelayReq ? 44 : 54;
  send.token = {1000u + sequence};
  send.octets[0] = static_cast<uint8_t>(type);
  send.octets[1] = 0x02;  // versionPTP
  send.octets[3] = send.size;
  send.octets[27] = 7;  // sourcePortIdentity
  send.octets[29] = 1;
  send.octets[31] = static_cast<uint8_t>(sequence);
  return send;
}

TEST_P(HardwareStampsWire, EventMessagesAreStampedByThePhcsOfBothEnds) {
  int stamped = 0;
  for (uint16_t sequence = 0; sequence < 20; ++sequence) {
    const auto type =
        sequence % 2 == 0 ? ptp::MessageType::kDelayReq : ptp::MessageType::kPdelayReq;
    const ptp::Send send = MakeSend(type, sequence);
    const auto before0 = phc0_->Read(), before1 = phc1_->Read();
    ASSERT_TRUE(near_->Send(send).ok());
    const auto sent = Transmitted();
    const auto received = Received();
    const auto after0 = phc0_->Read(), after1 = phc1_->Read();
    ASSERT_TRUE(before0.ok() && before1.ok() && after0.ok() && after1.ok());
    ASSERT_TRUE(sent) << "at " << sequence;
    EXPECT_EQ(sent->token, send.token);
    const PhcTime t3 = std::get<PhcTime>(sent->sent);
    EXPECT_GE(t3, before1->local);
    EXPECT_LE(t3, after1->local);
    if (!received) continue;  // QEMU's igb stamps no Pdelay_Req.
    ++stamped;
    EXPECT_GE(std::get<PhcTime>(*received), before0->local);
    EXPECT_LE(std::get<PhcTime>(*received), after0->local);
  }
  EXPECT_GE(stamped, 5);
  EXPECT_EQ(near_->counters().tx_stamps_unknown, 0u);
  EXPECT_EQ(near_->counters().tx_stamps_empty, 0u);
  EXPECT_EQ(near_->counters().tx_stamps_missing, 0u);
}

TEST_P(HardwareStampsWire, WithoutTheDevicesSettingNothingIsStampedAndNothingFails) {
  Enter(there_);  // Where eth1 is.
  Set("eth1", HWTSTAMP_TX_OFF, HWTSTAMP_FILTER_NONE);
  ASSERT_TRUE(near_->Send(MakeSend(ptp::MessageType::kDelayReq, 1)).ok());
  EXPECT_FALSE(Transmitted());
  ASSERT_TRUE(EnableHardwareStamps("eth1", GetParam().transport).ok());
  ASSERT_TRUE(near_->Send(MakeSend(ptp::MessageType::kDelayReq, 2)).ok());
  const auto sent = Transmitted();
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->token.value, 1002u);
}

std::string NameOf(const testing::TestParamInfo<Wire>& test) {
  const char* const names[] = {"L2", "Udp4", "Udp6"};
  return std::string(names[static_cast<int>(test.param.transport)]) +
         (test.param.vlan ? "Vlan" : "");
}

INSTANTIATE_TEST_SUITE_P(
    HardwareStamps, HardwareStampsWire,
    testing::Values(Wire{Transport::kL2, false}, Wire{Transport::kL2, true},
                    Wire{Transport::kUdp4, false}, Wire{Transport::kUdp4, true},
                    Wire{Transport::kUdp6, false}, Wire{Transport::kUdp6, true}),
    NameOf);

}  // namespace
}  // namespace bridge::os
