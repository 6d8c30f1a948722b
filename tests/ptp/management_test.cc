#include "bridge/ptp/management.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/golden_messages.h"

namespace bridge::ptp {
namespace {

using Octets = std::vector<uint8_t>;

constexpr PortIdentity kPtp4l{{0x001122fffe334455}, 1};
constexpr PortIdentity kWe{{0x000000000000abcd}, 0x1234};

std::string Hex(std::span<const uint8_t> octets) {
  return absl::BytesToHexString(
      {reinterpret_cast<const char*>(octets.data()), octets.size()});
}
std::string Without(const char* hex) { return Hex(FromHex(hex)); }

ManagementMessage Reply(ManagementData data) {
  return {.sdo = {},
          .domain = {24},
          .source = kPtp4l,
          .sequence = {7},
          .target = kWe,
          .action = ManagementAction::kResponse,
          .data = data};
}

Octets Serialized(const ManagementMessage& message) {
  std::array<uint8_t, kMaxManagement> buffer;
  const auto written = SerializeManagement(message, buffer);
  return {written.begin(), written.end()};
}

// A reply around a TLV given as octets.
Octets ReplyOf(absl::string_view tlv_hex) {
  Octets octets = Serialized(Reply(ManagementQuestion{}));
  octets.resize(48);
  const Octets tlv = FromHex(tlv_hex);
  octets.insert(octets.end(), tlv.begin(), tlv.end());
  octets[3] = static_cast<uint8_t>(octets.size());
  return octets;
}

std::optional<DropReason> Dropped(std::span<const uint8_t> octets) {
  const ManagementResult result = ParseManagement(octets);
  const auto* reason = std::get_if<DropReason>(&result);
  return reason ? std::optional(*reason) : std::nullopt;
}

// ---- Byte-exact, both ways.

struct Case {
  const char* name;
  ManagementData data;
  const char* tlv;
};

const Case kCases[] = {
    {"a question", ManagementQuestion{ManagementId::kTimeStatusNp}, "0001 0002 c000"},
    {"an error", ManagementError{2, ManagementId::kPortHwclockNp},
     "0002 0008 0002 c009 00000000"},
    {"DEFAULT_DATA_SET",
     DefaultDataSet{.number_ports = 2,
                    .priority1 = 128,
                    .quality = {248, 0xfe, 0xffff},
                    .priority2 = 127,
                    .identity = kPtp4l.clock,
                    .domain = {24}},
     "0001 0016 2000 0000 0002 80 f8fe ffff 7f 001122fffe334455 18 00"},
    {"CURRENT_DATA_SET",
     CurrentDataSet{.steps_removed = 1,
                    .offset_from_master = TimeDelta::FromNanos(-3),
                    .mean_path_delay = TimeDelta::FromScaledNanos(0x123458000)},
     "0001 0014 2001 0001 fffffffffffd0000 0000000123458000"},
    {"PARENT_DATA_SET",
     ParentDataSet{.parent = {{0xaabbccfffe000001}, 3},
                   .priority1 = 1,
                   .quality = {6, 0x21, 0x4e5d},
                   .priority2 = 2,
                   .grandmaster = {0xaabbccfffe000002}},
     "0001 0022 2002 aabbccfffe0000010003 0000 0000 00000000 01 0621 4e5d 02"
     "aabbccfffe000002"},
    {"TIME_PROPERTIES_DATA_SET",
     TimePropertiesDataSet{.current_utc_offset = -1,
                           .flags = {.leap61 = true,
                                     .current_utc_offset_valid = true,
                                     .ptp_timescale = true,
                                     .frequency_traceable = true},
                           .time_source = 0x20},
     "0001 0006 2003 ffff 2d 20"},
    {"PORT_DATA_SET",
     PortDataSet{.port = kPtp4l,
                 .state = PortState::kSlave,
                 .min_delay_req_interval = {-1},
                 .announce_interval = {1},
                 .announce_receipt_timeout = 3,
                 .sync_interval = {-3},
                 .delay_mechanism = DelayMechanism::kP2P,
                 .min_pdelay_req_interval = {2}},
     "0001 001c 2004 001122fffe3344550001 09 ff 0000000000000000 01 03 fd 02 02 00"},
    {"TIME_STATUS_NP",
     TimeStatusNp{.master_offset = TimeDelta::FromNanos(-258),
                  .ingress_time = TimeDelta::FromNanos(0x18ea5f0000000001),
                  .gm_present = true,
                  .grandmaster = {0xaabbccfffe000002}},
     "0001 0034 c000 fffffffffffffefe 18ea5f0000000001 00000000 00000000 0000"
     "0000 0000000000000000 0000 00000001 aabbccfffe000002"},
    {"GRANDMASTER_SETTINGS_NP",
     GrandmasterSettingsNp{.quality = {248, 0xfe, 0xffff},
                           .utc_offset = 37,
                           .flags = {.ptp_timescale = true},
                           .time_source = 0xa0},
     "0001 000a c001 f8fe ffff 0025 08 a0"},
    {"SUBSCRIBE_EVENTS_NP",
     SubscribeEventsNp{.duration = 60, .port_state = true, .parent_data_set = true},
     "0001 0044 c003 003c 05"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000"},
    {"PORT_PROPERTIES_NP",
     PortPropertiesNp{.port = kPtp4l,
                      .state = PortState::kUncalibrated,
                      .timestamping = 1,
                      .interface = "eth0"},
     "0001 0014 c004 001122fffe3344550001 08 01 04 65746830 00"},
    {"PORT_PROPERTIES_NP of an odd name",
     PortPropertiesNp{.port = kPtp4l,
                      .state = PortState::kSlave,
                      .timestamping = 0,
                      .interface = "wan"},
     "0001 0012 c004 001122fffe3344550001 09 00 03 77616e"},
    {"PORT_HWCLOCK_NP",
     PortHwclockNp{.port = kPtp4l, .phc_index = 3, .virtual_clock = true},
     "0001 0012 c009 001122fffe3344550001 00000003 01 00"},
    {"PORT_HWCLOCK_NP without one", PortHwclockNp{.port = kPtp4l},
     "0001 0012 c009 001122fffe3344550001 ffffffff 00 00"},
};

TEST(Management, IsReadAndWrittenOctetByOctet) {
  std::vector<bool> seen(std::variant_size_v<ManagementData>);
  for (const Case& c : kCases) {
    seen[c.data.index()] = true;
    const ManagementMessage message = Reply(c.data);
    const Octets octets = Serialized(message);
    ASSERT_GT(octets.size(), 48u) << c.name;
    EXPECT_EQ(Hex(std::span(octets).subspan(48)), Without(c.tlv)) << c.name;
    const ManagementResult result = ParseManagement(octets);
    ASSERT_TRUE(std::holds_alternative<ManagementMessage>(result)) << c.name;
    EXPECT_EQ(std::get<ManagementMessage>(result), message) << c.name;
  }
  EXPECT_THAT(seen, testing::Each(true)) << "a data set is missing from this test";
}

// Recorded from ptp4l of linuxptp 3.1.1 with software stamps on the loopback interface;
// the question came from port 77 of clock 1.
constexpr const char* kRecorded[] = {
    "0d02004a00000000000000000000000000000000000000fffe00000000000000047f00000000000000"
    "01004d000002000001001620000100000180f8feffff80000000fffe0000000000",
    "0d02004800000000000000000000000000000000000000fffe00000000000001047f00000000000000"
    "01004d00000200000100142001000000000000000000000000000000000000",
    "0d02005600000000000000000000000000000000000000fffe00000000000002047f00000000000000"
    "01004d00000200000100222002000000fffe00000000000000ffff7fffffff80f8feffff80000000"
    "fffe000000",
    "0d02003a00000000000000000000000000000000000000fffe00000000000003047f00000000000000"
    "01004d00000200000100062003002500a0",
    "0d02005000000000000000000000000000000000000000fffe00000000010004047f00000000000000"
    "01004d000002000001001c2004000000fffe000000000104000000000000000000010300010002",
    "0d02006800000000000000000000000000000000000000fffe00000000000000047f00000000000000"
    "01004d0000020000010034c00000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000fffe000000",
    "0d02003e00000000000000000000000000000000000000fffe00000000000001047f00000000000000"
    "01004d000002000001000ac001f8feffff002500a0",
    "0d02004600000000000000000000000000000000000000fffe00000000010004047f00000000000000"
    "01004d0000020000010012c004000000fffe00000000010400026c6f00",
    "0d02003c00000000000000000000000000000000000000fffe00000000010009047f00000000000000"
    "01004d00000200000200080002c00900000000"};

TEST(Management, IsReadAsPtp4lSendsIt) {
  const ClockIdentity clock{0x000000fffe000000};
  const auto read = [](size_t i) {
    const auto result = ParseManagement(FromHex(kRecorded[i]));
    const auto* message = std::get_if<ManagementMessage>(&result);
    EXPECT_NE(message, nullptr) << kRecorded[i];
    return message != nullptr ? *message : ManagementMessage{};
  };
  for (size_t i = 0; i < std::size(kRecorded); ++i) {
    const ManagementMessage message = read(i);
    EXPECT_EQ(message.source.clock, clock);
    EXPECT_EQ(message.target, (PortIdentity{{1}, 77}));
    EXPECT_EQ(message.action, ManagementAction::kResponse);
  }
  const auto defaults = std::get<DefaultDataSet>(read(0).data);
  EXPECT_EQ(defaults.identity, clock);
  EXPECT_EQ(defaults.number_ports, 1);
  EXPECT_EQ(std::get<ParentDataSet>(read(2).data).grandmaster, clock);
  EXPECT_EQ(std::get<TimePropertiesDataSet>(read(3).data).current_utc_offset, 37);
  EXPECT_EQ(std::get<PortDataSet>(read(4).data).state, PortState::kListening);
  EXPECT_EQ(std::get<PortDataSet>(read(4).data).announce_interval, LogInterval{1});
  EXPECT_FALSE(std::get<TimeStatusNp>(read(5).data).gm_present);
  // Its clock is CLOCK_REALTIME, so it would not announce the PTP timescale.
  EXPECT_FALSE(std::get<GrandmasterSettingsNp>(read(6).data).flags.ptp_timescale);
  EXPECT_EQ(std::get<GrandmasterSettingsNp>(read(6).data).utc_offset, 37);
  const Octets properties = FromHex(kRecorded[7]);  // The name is a part of it.
  const auto port = ParseManagement(properties);
  EXPECT_EQ(
      std::get<PortPropertiesNp>(std::get<ManagementMessage>(port).data).interface,
      "lo");
  EXPECT_EQ(read(8).data,
            ManagementData(ManagementError{2, ManagementId::kPortHwclockNp}));
}

TEST(Management, HasTheHeaderThatPtp4lWants) {
  ManagementMessage question = Reply(ManagementQuestion{ManagementId::kPortDataSet});
  question.sdo.major = 1;
  question.target = kAllPorts;
  question.action = ManagementAction::kGet;
  question.source = kWe;
  EXPECT_EQ(Hex(Serialized(question)),
            Without("1d02 0036 18 00 0000 0000000000000000 00000000"
                    "000000000000abcd1234 0007 04 7f"
                    "ffffffffffffffffffff 00 00 00 00 0001 0002 2004"));
}

TEST(Management, OfAnotherSizeIsMalformed) {
  for (const Case& c : kCases) {
    if (std::holds_alternative<ManagementQuestion>(c.data)) continue;
    const bool error = std::holds_alternative<ManagementError>(c.data);
    for (const int change : {-2, 2}) {
      if (error && change > 0) continue;  // A text may follow.
      Octets octets = Serialized(Reply(c.data));
      octets.resize(octets.size() + static_cast<size_t>(change));
      octets[3] = static_cast<uint8_t>(octets[3] + change);
      octets[51] = static_cast<uint8_t>(octets[51] + change);
      EXPECT_EQ(Dropped(octets), DropReason::kManagementMalformed) << c.name << change;
    }
  }
}

TEST(Management, WithImpossibleContentsIsMalformed) {
  const char* const impossible[] = {
      // Port states 0 and 10.
      "0001 0014 c004 001122fffe3344550001 00 01 04 65746830 00",
      "0001 0014 c004 001122fffe3344550001 0a 01 04 65746830 00",
      // Interfaces: "et/0", with a newline, longer than the TLV, longer than any.
      "0001 0014 c004 001122fffe3344550001 09 01 04 65742f30 00",
      "0001 0014 c004 001122fffe3344550001 09 01 04 65740a30 00",
      "0001 0014 c004 001122fffe3344550001 09 01 08 65746830 00",
      ("0001 0020 c004 001122fffe3344550001 09 01 10 61616161616161616161616161616161 "
       "00"),
      // No TLV, an empty one, another.
      "", "0001 0000", "0008 0008 001122fffe334455", "0002 0004 0002 c009"};
  for (const char* tlv : impossible) {
    EXPECT_EQ(Dropped(ReplyOf(tlv)), DropReason::kManagementMalformed) << tlv;
  }
  EXPECT_EQ(
      Dropped(ReplyOf("0001 0014 c004 001122fffe3344550001 09 01 04 65746830 00")),
      std::nullopt);
}

TEST(Management, ThatNobodyAskedForIsNotExpected) {
  EXPECT_EQ(Dropped(ReplyOf("0001 0004 200a 0300")), DropReason::kNotExpected);
  EXPECT_EQ(Dropped(FromHex(kSyncGolden.hex)), DropReason::kNotExpected);
}

TEST(Management, BrokenAsAMessageIsDroppedAsAnyOther) {
  const Octets good = Serialized(Reply(TimePropertiesDataSet{}));
  ASSERT_EQ(Dropped(good), std::nullopt);
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_NE(Dropped(std::span(good).first(length)), std::nullopt) << length;
  }
  Octets version = good;
  version[1] = 0x01;
  EXPECT_EQ(Dropped(version), DropReason::kWrongVersion);
}

TEST(Management, ThatDoesNotFitIsNotWritten) {
  std::array<uint8_t, kMaxManagement> buffer;
  EXPECT_TRUE(SerializeManagement(
                  Reply(PortPropertiesNp{.port = kPtp4l, .interface = "a/b"}), buffer)
                  .empty());
  const auto small = std::span(buffer).first(53);
  EXPECT_TRUE(SerializeManagement(Reply(ManagementQuestion{}), small).empty());
  EXPECT_TRUE(SerializeManagement(
                  Reply(CurrentDataSet{.mean_path_delay = TimeDelta::FromScaledNanos(
                                           absl::int128(1) << 63)}),
                  buffer)
                  .empty());
}

TEST(Management, TlvsBehindTheFirstAreNotLookedAt) {
  EXPECT_EQ(Dropped(ReplyOf("0001 0006 2003 0025 0c 20 8009 0002 abcd")), std::nullopt);
}

}  // namespace
}  // namespace bridge::ptp
