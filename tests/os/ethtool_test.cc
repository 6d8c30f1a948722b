#include "bridge/os/ethtool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool_netlink.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "tests/os/phc_lab.h"

namespace bridge::os {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- Octets as the kernel sends them.

using Octets = std::vector<uint8_t>;

template <typename Value>
Octets Of(Value value) {
  Octets out(sizeof value);
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Octets Padded(Octets octets) {
  octets.resize(NLMSG_ALIGN(octets.size()));
  return octets;
}

Octets Attribute(int type, const Octets& value) {
  return Padded(Of(nlattr{static_cast<uint16_t>(sizeof(nlattr) + value.size()),
                          static_cast<uint16_t>(type)}) +
                value);
}

Octets Nest(int type, const Octets& attributes) {
  return Attribute(type | NLA_F_NESTED, attributes);
}

Octets Bits(int type, uint32_t bits) {
  return Nest(type, Attribute(ETHTOOL_A_BITSET_NOMASK, {}) +
                        Attribute(ETHTOOL_A_BITSET_SIZE, Of<uint32_t>(18)) +
                        Attribute(ETHTOOL_A_BITSET_VALUE, Of(bits)));
}

Octets Header(uint32_t index) {
  return Nest(1, Attribute(ETHTOOL_A_HEADER_DEV_INDEX, Of(index)) +
                     Attribute(ETHTOOL_A_HEADER_DEV_NAME, {'e', 't', 'h', '0', 0}));
}

Octets Provider(int type, uint32_t phc) {
  return Nest(type, Attribute(1, Of(phc)) + Attribute(2, Of<uint32_t>(0)));
}

Octets Message(uint16_t type, const Octets& body) {
  return Padded(Of(nlmsghdr{static_cast<uint32_t>(sizeof(nlmsghdr) + body.size()), type,
                            0, 2, 7}) +
                body);
}

constexpr uint16_t kFamily = 21;
constexpr uint8_t kTsInfo = 26, kTsConfig = 47;  // ..._GET_REPLY

Octets Reply(uint8_t command, const Octets& attributes) {
  return Message(kFamily, Of(genlmsghdr{command, 1, 0}) + attributes);
}

Octets End(int32_t error) {
  return Message(NLMSG_ERROR, Of(error) + Of(nlmsghdr{40, kFamily, 5, 2, 0}));
}

// The PHY's of a MAC and a PHY that both have one.
const Octets kWhole =
    Reply(kTsInfo, Header(3) + Bits(2, 0x5f) + Bits(3, 0x3) + Bits(4, 0x1001) +
                       Attribute(5, Of<uint32_t>(1)) + Provider(7, 1) +
                       Attribute(8, Of<uint32_t>(2)) + Attribute(99, {1, 2, 3}));
const StampReport kReport{.interface = 3,
                          .flags = 0x5f,
                          .tx_types = 0x3,
                          .rx_filters = 0x1001,
                          .phc = 1,
                          .of_several = true};

std::optional<EthtoolAnswer> Read(const Octets& octets) {
  EthtoolAnswer answer;
  if (!AddDatagram(octets, answer)) return std::nullopt;
  return answer;
}

std::optional<StampReport> ReadOne(const Octets& octets) {
  const auto answer = Read(octets);
  if (!answer || answer->reports.size() != 1) return std::nullopt;
  return answer->reports[0];
}

TEST(Ethtool, AReportIsReadWithAllThatIsNestedInIt) {
  EXPECT_EQ(ReadOne(kWhole), kReport);
}

TEST(Ethtool, WhatIsLeftOutIsNone) {
  StampReport none;
  none.interface = 3;
  EXPECT_EQ(ReadOne(Reply(kTsInfo, Header(3))), none);
  EXPECT_EQ(none.phc, std::nullopt);
}

TEST(Ethtool, ASettingHasItsProviderWhereAReportHasItsFlags) {
  const auto set =
      ReadOne(Reply(kTsConfig, Header(3) + Provider(2, 1) + Bits(3, 0x2) +
                                   Bits(4, 0x1000) + Attribute(5, Of<uint32_t>(9))));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->flags, 0u);
  EXPECT_EQ(set->tx_types, 0x2u);
  EXPECT_EQ(set->rx_filters, 0x1000u);
  EXPECT_EQ(set->phc, std::nullopt);
}

TEST(Ethtool, TheFamilysNumberIsFoundAmongItsOtherAttributes) {
  const auto family = [](uint16_t number) {
    return Message(GENL_ID_CTRL, Of(genlmsghdr{CTRL_CMD_NEWFAMILY, 2, 0}) +
                                     Attribute(CTRL_ATTR_FAMILY_NAME, {'e', 0}) +
                                     Attribute(CTRL_ATTR_FAMILY_ID, Of(number)) +
                                     Nest(CTRL_ATTR_OPS, Nest(1, {})));
  };
  const auto answer = Read(family(kFamily));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->family, kFamily);
  ASSERT_TRUE(Read(family(NLMSG_DONE)));
  EXPECT_EQ(Read(family(NLMSG_DONE))->family, std::nullopt) << "no family has that";
}

TEST(Ethtool, AnAnswerEndsWithAnError) {
  for (const int error : {0, EOPNOTSUPP, ENODEV, 4095}) {
    const auto answer = Read(End(-error));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error, error);
  }
  for (const int error : {1, -4096, INT32_MIN}) EXPECT_FALSE(Read(End(error))) << error;
  const auto whole = Read(kWhole);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->error, std::nullopt) << "there is more to come";
}

TEST(Ethtool, AllPhcsOfAnInterfaceComeInOneDatagramOrInSeveral) {
  const Octets mac = Reply(kTsInfo, Header(3) + Attribute(5, Of<uint32_t>(0)));
  const Octets done = Message(NLMSG_DONE, Of<int32_t>(0));
  EthtoolAnswer answer;
  ASSERT_TRUE(AddDatagram(mac + kWhole, answer));
  ASSERT_TRUE(AddDatagram(done, answer));
  ASSERT_EQ(answer.reports.size(), 2u);
  EXPECT_EQ(answer.reports[0].phc, 0);
  EXPECT_EQ(answer.reports[1].phc, 1);
  EXPECT_EQ(answer.error, 0);
  const auto together = Read(mac + kWhole + done);
  ASSERT_TRUE(together);
  EXPECT_EQ(together->reports, answer.reports);
  EXPECT_EQ(together->error, 0);
}

TEST(Ethtool, MessagesOfOthersArePassedOver) {
  const auto answer = Read(Message(NLMSG_NOOP, {}) + Reply(13, Header(3)) + kWhole);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->reports, ElementsAre(kReport));
}

TEST(Ethtool, AnAnswerThatIsCutAnywhereIsNone) {
  for (const Octets& whole : {kWhole, End(0), Message(NLMSG_DONE, Of<int32_t>(0))}) {
    ASSERT_TRUE(Read(whole));
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(Read(Octets(whole.begin(), whole.begin() + static_cast<int>(size))))
          << size << " of " << whole.size();
    }
  }
}

TEST(Ethtool, AnAttributeThatIsNotWholeSpoilsItsReport) {
  const auto one = [](const Octets& attribute) {
    return Reply(kTsInfo, Header(3) + attribute);
  };
  ASSERT_TRUE(Read(one(Attribute(5, Of<uint32_t>(1)))));
  EXPECT_FALSE(Read(one(Attribute(5, Of<uint16_t>(1))))) << "half a value";
  EXPECT_FALSE(Read(one(Attribute(5, Of<uint32_t>(1u << 31))))) << "no index";
  EXPECT_FALSE(Read(one({8, 0, 5}))) << "half a header";
  for (const uint16_t length : std::initializer_list<uint16_t>{0, 3, 9, 65535}) {
    EXPECT_FALSE(Read(one(Of(nlattr{length, 5}) + Of<uint32_t>(1)))) << length;
  }
  // Within its nest, although the message goes on.
  const auto nested = [&](const Octets& in) { return one(Nest(3, in) + Bits(4, 1)); };
  ASSERT_TRUE(Read(nested(Attribute(5, Of<uint32_t>(1)))));
  EXPECT_FALSE(Read(nested(Attribute(ETHTOOL_A_BITSET_VALUE, Of<uint16_t>(1)))));
  EXPECT_FALSE(Read(nested(Of(nlattr{12, 99}) + Of<uint32_t>(1))));
  EXPECT_FALSE(Read(Message(kFamily, {kTsInfo})));
  EXPECT_FALSE(Read(Message(NLMSG_OVERRUN, {})));
}

// ---- The kernel's own.

class EthtoolVeth : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (!IsSkipped()) MakeCable();
  }
};

TEST_F(EthtoolVeth, NetlinkSaysWhatTheIoctlSays) {
  for (const char* name : {"veth0", "lo"}) {
    const auto netlink = ReadStampsByNetlink(name), ioctl = ReadStampsByIoctl(name);
    ASSERT_TRUE(netlink && ioctl) << name;
    EXPECT_EQ(*netlink, *ioctl);
    EXPECT_NE(netlink->flags & SOF_TIMESTAMPING_TX_SOFTWARE, 0u);
    EXPECT_EQ(netlink->phc, std::nullopt);
    EXPECT_THAT(ReadStampingPhcs(name), IsEmpty());
    EXPECT_FALSE(ReadStampSetting(name)) << "there is none";
  }
}

TEST_F(EthtoolVeth, OfAnInterfaceThatDoesNotExistNothingIsSaid) {
  EXPECT_FALSE(ReadStampsByNetlink("nope0"));
  EXPECT_FALSE(ReadStamps("nope0"));
  EXPECT_THAT(ReadStampingPhcs("nope0"), IsEmpty());
  EXPECT_FALSE(ReadStampSetting("nope0"));
}

// As RestrictAddressFamilies of systemd does.
bool ForbidNetlink() {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{std::size(steps), steps};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(EthtoolVeth, WithoutNetlinkTheIoctlIsAsked) {
  EXPECT_EQ(AsNobody([] {
              if (!ForbidNetlink()) return 1;
              if (ReadStampsByNetlink("veth0")) return 2;
              const auto stamps = ReadStamps("veth0");
              return stamps && stamps->flags != 0 ? 0 : 3;
            }),
            0);
}

using EthtoolLab = PhcLab;

TEST_F(EthtoolLab, NetlinkAndIoctlAgreeOfRealDevices) {
  for (const char* name : {"eth0", "eth1"}) {
    auto netlink = ReadStampsByNetlink(name);
    const auto by_ioctl = ReadStampsByIoctl(name);
    ASSERT_TRUE(netlink && by_ioctl) << name;
    const int own = (name == std::string("eth0") ? phc0_ : phc1_)->index();
    EXPECT_EQ(netlink->phc, own);
    EXPECT_NE(netlink->rx_filters, 0u);
    if (netlink->of_several) {
      EXPECT_THAT(ReadStampingPhcs(name), ElementsAre(own));
    }
    netlink->of_several = false;
    EXPECT_EQ(*netlink, *by_ioctl);

    ASSERT_TRUE(EnableHardwareStamps(name, Transport::kL2).ok());
    const auto setting = ReadStampSetting(name);
    ASSERT_TRUE(setting);
    EXPECT_EQ(setting->tx_type, HWTSTAMP_TX_ON);
    EXPECT_TRUE(LetsEventMessagesIn(setting->rx_filter, Transport::kL2));
  }
}

}  // namespace
}  // namespace bridge::os
