#include "ebpf/ptp_parse.h"

#include <gmock/gmock.h>

#include <optional>

#include "tests/ebpf/frames.h"

namespace ebpf {
namespace {

using ::testing::ElementsAre;

std::optional<ptp_key> Parse(const Octets& frame) {
  ptp_key key{};
  ptp_begin(&key, PTP_RX);
  if (ptp_parse_frame(LoadOctets, &frame, &key) == 0) return std::nullopt;
  return key;
}

TEST(PtpParse, ReadsTheFieldsThatTellMessagesApart) {
  const auto key = Parse(Frame({}, 0x88f7, Message()));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->clock_identity, 0x1122334455667788u);
  EXPECT_EQ(key->port_number, 258);
  EXPECT_EQ(key->sequence_id, 772);
  EXPECT_EQ(key->message_type, 1);
  EXPECT_EQ(key->domain, 24);
  EXPECT_EQ(key->transport, PTP_L2);
  EXPECT_THAT(key->vlan, ElementsAre(PTP_NO_VLAN, PTP_NO_VLAN));
}

TEST(PtpParse, FindsItBehindEveryTransport) {
  struct Case {
    int ethertype;
    Octets payload;
    ptp_transport transport;
  };
  const Octets event = Udp(319, Message()), general = Udp(320, Message());
  for (const Case& c :
       {Case{0x88f7, Message(), PTP_L2}, Case{0x0800, Ip4(event), PTP_UDP4},
        Case{0x0800, Ip4(general), PTP_UDP4}, Case{0x0800, Ip4(event, 6), PTP_UDP4},
        Case{0x0800, Ip4(event, 15), PTP_UDP4},
        Case{0x0800, Ip4(event, 5, 0x4000), PTP_UDP4},  // Do not fragment.
        Case{0x86dd, Ip6(event), PTP_UDP6}}) {
    for (const Octets& tags : {Octets(), Tag(7), Join({Tag(100, 0x88a8), Tag(7)})}) {
      const auto key = Parse(Frame(tags, c.ethertype, c.payload));
      ASSERT_TRUE(key) << c.ethertype << " " << tags.size();
      EXPECT_EQ(key->transport, c.transport);
      EXPECT_EQ(key->sequence_id, 772);
    }
  }
}

TEST(PtpParse, KeepsTheVidsOfTagsOuterFirst) {
  EXPECT_THAT(Parse(Frame(Tag(7), 0x88f7, Message()))->vlan,
              ElementsAre(7, PTP_NO_VLAN));
  EXPECT_THAT(Parse(Frame(Tag(0), 0x88f7, Message()))->vlan,
              ElementsAre(0, PTP_NO_VLAN));
  EXPECT_THAT(Parse(Frame(Join({Tag(100, 0x88a8), Tag(7)}), 0x88f7, Message()))->vlan,
              ElementsAre(100, 7));
}

TEST(PtpParse, PutsATagThatTheNicTookOffBeforeThatOfTheFrame) {
  const Octets frame = Frame(Tag(7), 0x88f7, Message());
  ptp_key key{};
  ptp_begin(&key, PTP_RX);
  ptp_add_vlan(&key, 0xe000 | 100);
  ASSERT_TRUE(ptp_parse_frame(LoadOctets, &frame, &key));
  EXPECT_THAT(key.vlan, ElementsAre(100, 7));
}

TEST(PtpParse, LeavesWhatIsNoPtp) {
  const Octets event = Udp(319, Message());
  Octets version1 = Message(), shorter = Message();
  version1[1] = 1;
  shorter[3] = 33;
  ASSERT_TRUE(Parse(Frame({}, 0x0800, Ip4(event))));
  EXPECT_FALSE(Parse(Frame({}, 0x0806, Message())));
  EXPECT_FALSE(Parse(Frame({}, 0x0800, Ip4(Udp(321, Message())))));
  EXPECT_FALSE(Parse(Frame({}, 0x0800, Ip4(event, 5, 0, 6))));
  EXPECT_FALSE(Parse(Frame({}, 0x0800, Ip4(event, 5, 0x2000)))) << "the first fragment";
  EXPECT_FALSE(Parse(Frame({}, 0x0800, Ip4(event, 5, 0x0001)))) << "a later fragment";
  EXPECT_FALSE(Parse(Frame({}, 0x0800, Ip4(event, 4))))
      << "a header too short for IPv4";
  EXPECT_FALSE(Parse(Frame({}, 0x0800, Ip6(event))));
  EXPECT_FALSE(Parse(Frame({}, 0x86dd, Ip6(event, 0)))) << "an extension header";
  EXPECT_FALSE(Parse(Frame({}, 0x88f7, version1)));
  EXPECT_FALSE(Parse(Frame({}, 0x88f7, shorter)));
  EXPECT_FALSE(Parse(Frame(Join({Tag(1), Tag(2), Tag(3)}), 0x88f7, Message())));
}

TEST(PtpParse, LeavesAFrameThatEndsBeforeThePtpHeaderDoes) {
  for (const Octets& whole :
       {Frame({}, 0x88f7, Message()),
        Frame(Tag(7), 0x0800, Ip4(Udp(319, Message()), 15)),
        Frame(Join({Tag(1), Tag(2)}), 0x86dd, Ip6(Udp(320, Message())))}) {
    const size_t needed = whole.size() - Message().size() + PTP_HEADER;
    for (size_t size = 0; size <= whole.size(); ++size) {
      const auto end = whole.begin() + static_cast<ptrdiff_t>(size);
      EXPECT_EQ(Parse(Octets(whole.begin(), end)).has_value(), size >= needed) << size;
    }
  }
}

}  // namespace
}  // namespace ebpf
