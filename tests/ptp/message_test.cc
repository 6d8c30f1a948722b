#include "bridge/ptp/message.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "bridge/base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/golden_messages.h"

namespace bridge::ptp {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::VariantWith;

using Octets = std::vector<uint8_t>;

// Offsets in the header, for tests that spoil a good message.
constexpr size_t kTypeAt = 0;
constexpr size_t kVersionAt = 1;
constexpr size_t kLengthAt = 2;
constexpr size_t kFlagsAt = 6;
constexpr size_t kCorrectionAt = 8;
constexpr size_t kControlAt = 32;
constexpr size_t kBodyAt = 34;

Message MustParse(const Octets& octets) {
  const ParseResult result = ParseMessage(octets);
  if (const auto* reason = std::get_if<DropReason>(&result)) {
    ADD_FAILURE() << "dropped: " << DropReasonName(*reason);
    return {};
  }
  return std::get<Message>(result);
}

std::optional<DropReason> Dropped(std::span<const uint8_t> octets) {
  const ParseResult result = ParseMessage(octets);
  if (const auto* reason = std::get_if<DropReason>(&result)) return *reason;
  return std::nullopt;
}

Octets Serialized(const Message& message, size_t room = 2048) {
  Octets buffer(room);
  const auto written = SerializeMessage(message, buffer);
  return {written.begin(), written.end()};
}

void SetLength(Octets& octets, size_t length) {
  octets[kLengthAt] = static_cast<uint8_t>(length >> 8);
  octets[kLengthAt + 1] = static_cast<uint8_t>(length);
}

Octets WithBody(const GoldenMessage& golden, absl::string_view body_and_tlvs) {
  Octets octets = FromHex(golden.hex);
  octets.resize(kBodyAt);
  const Octets rest = FromHex(body_and_tlvs);
  octets.insert(octets.end(), rest.begin(), rest.end());
  SetLength(octets, octets.size());
  return octets;
}

// Every parsed message must survive being written and read again.
void ExpectSurvivesRoundTrip(const Message& message) {
  const Octets octets = Serialized(message);
  ASSERT_THAT(octets, testing::Not(IsEmpty()));
  const Message again = MustParse(octets);
  EXPECT_EQ(again.header, message.header);
  EXPECT_EQ(again.body, message.body);
  EXPECT_THAT(again.tlvs.octets(), ElementsAreArray(message.tlvs.octets()));
}

// ---- What is on the wire today.

TEST(GoldenMessages, CoverEveryTypeAndAreExactlyMessageLengthLong) {
  std::set<MessageType> types;
  for (const GoldenMessage& golden : kGoldenMessages) {
    const Octets octets = FromHex(golden.hex);
    types.insert(golden.type);
    ASSERT_THAT(octets, SizeIs(testing::Gt(kLengthAt + 1)));
    EXPECT_EQ(octets.size(), octets[kLengthAt] * 256u + octets[kLengthAt + 1]);
  }
  EXPECT_THAT(types, SizeIs(std::variant_size_v<Body>));
}

TEST(ParseMessage, ReadsEveryGoldenMessageAsItsType) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    SCOPED_TRACE(MessageTypeName(golden.type));
    const Octets octets = FromHex(golden.hex);
    const Message message = MustParse(octets);
    EXPECT_EQ(message.header.type, golden.type);
    EXPECT_EQ(message.tlvs.octets().size(), octets.size() - golden.body_end);
  }
}

TEST(SerializeMessage, RestoresEveryGoldenMessageOctetForOctet) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    SCOPED_TRACE(MessageTypeName(golden.type));
    const Octets octets = FromHex(golden.hex);
    EXPECT_EQ(Serialized(MustParse(octets)), octets);
  }
}

TEST(ParseMessage, ReadsTheHeader) {
  const Octets octets = FromHex(
      "3912003607a50600 fffffffffffe8000 deadbeef 001122fffe3344550102 fffe 03 fd"
      "00006b00fbe3 160335e6 82985afffe6622d10001");
  const Header header = MustParse(octets).header;
  EXPECT_EQ(header.type, MessageType::kDelayResp);
  EXPECT_EQ(header.sdo, (SdoId{.major = 3, .minor = 0xa5}));
  EXPECT_EQ(header.minor_version, 1);
  EXPECT_EQ(header.domain, DomainNumber{7});
  EXPECT_EQ(header.flags, (Flags{.two_step = true, .unicast = true}));
  EXPECT_EQ(header.correction.NanosDouble(), -1.5);
  EXPECT_EQ(header.message_type_specific, 0xdeadbeef);
  EXPECT_EQ(header.source, (PortIdentity{{0x001122fffe334455}, 0x0102}));
  EXPECT_EQ(header.sequence, SequenceId{0xfffe});
  EXPECT_EQ(header.log_interval, LogInterval{-3});
}

TEST(ParseMessage, ReadsAnAnnounce) {
  const Octets octets =
      WithBody(kAnnounceGolden,
               "00006b00fbe1 08a86f9c ffdb ee 01 06214e5d 02 0011223344556677 0103 20");
  EXPECT_THAT(MustParse(octets).body,
              VariantWith<Announce>(Announce{
                  .origin = TaiTime::FromSecondsAndNanos(0x6b00fbe1, 0x08a86f9c),
                  .current_utc_offset = -37,
                  .grandmaster_priority1 = 1,
                  .grandmaster_quality = {6, 0x21, 0x4e5d},
                  .grandmaster_priority2 = 2,
                  .grandmaster = {0x0011223344556677},
                  .steps_removed = 0x0103,
                  .time_source = 0x20,
              }));
}

TEST(ParseMessage, ReadsTheTimestampsAndPortsOfTheOtherBodies) {
  const auto at = [](uint64_t s, uint32_t ns) {
    return TaiTime::FromSecondsAndNanos(s, ns);
  };
  const auto body = [](const GoldenMessage& golden) {
    return MustParse(FromHex(golden.hex)).body;
  };
  const PortIdentity slave{{0x82985afffe6622d1}, 1};
  const PortIdentity peer{{0x86b033fffe5c1403}, 1};
  EXPECT_EQ(body(kSyncGolden), Body(Sync{at(0, 0)}));
  EXPECT_EQ(body(kDelayReqGolden), Body(DelayReq{at(0, 0)}));
  EXPECT_EQ(body(kPdelayReqGolden), Body(PdelayReq{at(0, 0)}));
  EXPECT_EQ(body(kFollowUpGolden), Body(FollowUp{at(0x6b00fbe1, 0x08a86f9c)}));
  EXPECT_EQ(body(kDelayRespGolden), Body(DelayResp{at(0x6b00fbe3, 0x160335e6), slave}));
  EXPECT_EQ(body(kPdelayRespGolden),
            Body(PdelayResp{at(0x6b00fbea, 0x2165d0e6), peer}));
  EXPECT_EQ(body(kPdelayRespFollowUpGolden),
            Body(PdelayRespFollowUp{at(0x6b00fbea, 0x216785ee), peer}));
  EXPECT_EQ(body(kSignalingGolden), Body(Signaling{kAllPorts}));
}

TEST(ParseMessage, ReadsAManagementBodyAndOnlyTheActionsNibble) {
  Octets octets = FromHex(kManagementGolden.hex);
  octets[44] = 3;
  octets[45] = 2;
  octets[46] = 0xf1;
  EXPECT_EQ(MustParse(octets).body, Body(Management{.target_port = kAllPorts,
                                                    .starting_boundary_hops = 3,
                                                    .boundary_hops = 2,
                                                    .action = 1}));
}

TEST(ParseMessage, ReadsEachFlagFromItsOwnBit) {
  const std::map<int, Flags> known = {
      {8, {.alternate_master = true}},
      {9, {.two_step = true}},
      {10, {.unicast = true}},
      {0, {.leap61 = true}},
      {1, {.leap59 = true}},
      {2, {.current_utc_offset_valid = true}},
      {3, {.ptp_timescale = true}},
      {4, {.time_traceable = true}},
      {5, {.frequency_traceable = true}},
      {6, {.synchronization_uncertain = true}},
  };
  for (int bit = 0; bit < 16; ++bit) {
    SCOPED_TRACE(bit);
    Octets octets = FromHex(kSyncGolden.hex);
    octets[kFlagsAt] = static_cast<uint8_t>((1 << bit) >> 8);
    octets[kFlagsAt + 1] = static_cast<uint8_t>(1 << bit);
    const Message message = MustParse(octets);
    const bool is_known = known.contains(bit);
    EXPECT_EQ(message.header.flags, is_known ? known.at(bit) : Flags{});
    if (is_known) {
      EXPECT_EQ(Serialized(message), octets);
    }
  }
}

TEST(ParseMessage, ReadsTheExtremesOfTheCorrectionField) {
  Octets octets = FromHex(kSyncGolden.hex);
  octets[kCorrectionAt] = 0x80;
  EXPECT_EQ(MustParse(octets).header.correction,
            TimeDelta::FromScaledNanos(std::numeric_limits<int64_t>::min()));
  octets[kCorrectionAt] = 0x7f;
  std::fill_n(octets.begin() + kCorrectionAt + 1, 7, uint8_t{0xff});
  EXPECT_EQ(MustParse(octets).header.correction,
            TimeDelta::FromScaledNanos(std::numeric_limits<int64_t>::max()));
}

TEST(ParseMessage, ReadsTheLastSecondOfThe48BitField) {
  const Octets octets = WithBody(kFollowUpGolden, "ffffffffffff 3b9ac9ff");
  const auto last = TaiTime::FromSecondsAndNanos((uint64_t{1} << 48) - 1, 999'999'999);
  EXPECT_EQ(MustParse(octets).body, Body(FollowUp{last}));
  EXPECT_EQ(Serialized(MustParse(octets)), octets);
}

// ---- What is accepted though it is odd.

TEST(ParseMessage, EndsAtMessageLengthAndIgnoresWhatIsBehind) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    SCOPED_TRACE(MessageTypeName(golden.type));
    const Octets plain = FromHex(golden.hex);
    Octets padded = plain;
    for (size_t extra : {1u, 2u, 60u}) {
      padded.resize(plain.size() + extra, 0xff);
      EXPECT_EQ(Serialized(MustParse(padded)), plain);
    }
  }
}

TEST(ParseMessage, AcceptsAnyMinorVersion) {
  for (uint8_t minor = 0; minor < 16; ++minor) {
    Octets octets = FromHex(kSyncGolden.hex);
    octets[kVersionAt] = static_cast<uint8_t>(minor << 4 | 2);
    EXPECT_EQ(MustParse(octets).header.minor_version, minor);
    EXPECT_EQ(Serialized(MustParse(octets)), octets);
  }
}

TEST(ParseMessage, IgnoresControlFieldWhichNewSendersLeaveZero) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    const Octets octets = FromHex(golden.hex);
    Octets other = octets;
    other[kControlAt] = 0;
    EXPECT_EQ(Serialized(MustParse(other)), octets);
    other[kControlAt] = 0xff;
    EXPECT_EQ(Serialized(MustParse(other)), octets);
  }
}

TEST(ParseMessage, KeepsUnknownTlvsInOrder) {
  const Octets octets =
      WithBody(kSyncGolden, "000000000000 00000000 7fff 0002 aabb 0000 0000 0008 0000");
  std::vector<int> types;
  const Message message = MustParse(octets);
  for (const Tlv& tlv : message.tlvs) types.push_back(static_cast<int>(tlv.type));
  EXPECT_THAT(types, testing::ElementsAre(0x7fff, 0x0000, 0x0008));
}

// ---- What is refused, by reason.

TEST(ParseMessage, DropsAsTooShortWhatHoldsNoHeader) {
  EXPECT_EQ(Dropped({}), DropReason::kTooShort);
  const Octets octets = FromHex(kSyncGolden.hex);
  EXPECT_EQ(Dropped(std::span(octets).first(kBodyAt - 1)), DropReason::kTooShort);
  EXPECT_EQ(Dropped(std::span(octets).first(kBodyAt)), DropReason::kLengthMismatch);
}

TEST(ParseMessage, DropsEveryVersionButTwo) {
  Octets octets = FromHex(kSyncGolden.hex);
  for (int version = 0; version < 16; ++version) {
    octets[kVersionAt] = static_cast<uint8_t>(0x10 | version);
    EXPECT_EQ(Dropped(octets),
              version == 2 ? std::nullopt : std::optional(DropReason::kWrongVersion));
  }
}

TEST(ParseMessage, DropsReservedTypes) {
  Octets octets = FromHex(kAnnounceGolden.hex);  // Long enough for any type.
  for (int type = 0; type < 16; ++type) {
    octets[kTypeAt] = static_cast<uint8_t>(type);
    const bool reserved = (type >= 4 && type <= 7) || type >= 0xe;
    EXPECT_EQ(Dropped(octets) == DropReason::kReservedType, reserved) << type;
    EXPECT_EQ(MessageTypeName(static_cast<MessageType>(type)) ==
                  absl::string_view("reserved"),
              reserved);
  }
}

TEST(ParseMessage, DropsAMessageCutAtAnyLength) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    const Octets whole = FromHex(golden.hex);
    for (size_t length = 0; length < whole.size(); ++length) {
      // A copy of its own, so that a sanitizer sees every octet read beyond it.
      const Octets cut(whole.begin(),
                       whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_EQ(Dropped(cut),
                length < kBodyAt ? DropReason::kTooShort : DropReason::kLengthMismatch)
          << MessageTypeName(golden.type) << " cut to " << length;
    }
  }
}

TEST(ParseMessage, DropsAMessageLengthThatIsTooSmallForItsType) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    SCOPED_TRACE(MessageTypeName(golden.type));
    Octets octets = FromHex(golden.hex);
    for (size_t length = 0; length < golden.body_end; ++length) {
      SetLength(octets, length);
      EXPECT_EQ(Dropped(octets), DropReason::kLengthMismatch) << length;
    }
    SetLength(octets, golden.body_end);
    EXPECT_EQ(Dropped(octets), std::nullopt) << "a body without TLVs is whole";
  }
}

TEST(ParseMessage, DropsAMessageLengthBeyondWhatWasReceived) {
  Octets octets = FromHex(kSyncGolden.hex);
  SetLength(octets, octets.size() + 1);
  EXPECT_EQ(Dropped(octets), DropReason::kLengthMismatch);
  SetLength(octets, 0xffff);
  EXPECT_EQ(Dropped(octets), DropReason::kLengthMismatch);
}

TEST(ParseMessage, DropsMalformedTlvs) {
  const char* origin = "000000000000 00000000";
  const char* bad[] = {
      "0008 0001 aa",      // odd
      "0008 0001 aa 00",   // odd, though its message is even
      "0008 0004 aabb",    // overlong
      "0008 ffff aabb",    // overlong
      "0008 0000 00",      // one octet left over
      "0008 0000 0000",    // two
      "0008 0000 000000",  // three
      "0008",
  };
  EXPECT_EQ(Dropped(WithBody(kSyncGolden, absl::StrCat(origin, "0008 0000"))),
            std::nullopt);
  for (const char* tlvs : bad) {
    EXPECT_EQ(Dropped(WithBody(kSyncGolden, absl::StrCat(origin, tlvs))),
              DropReason::kMalformedTlv)
        << tlvs;
  }
}

TEST(ParseMessage, DropsABadTimestampInEveryTypeThatHasOne) {
  int with_timestamp = 0;
  for (const GoldenMessage& golden : kGoldenMessages) {
    SCOPED_TRACE(MessageTypeName(golden.type));
    if (golden.type == MessageType::kSignaling ||
        golden.type == MessageType::kManagement) {
      continue;
    }
    ++with_timestamp;
    const auto with_nanos = [&](absl::string_view hex) {
      Octets octets = FromHex(golden.hex);
      const Octets nanos = FromHex(hex);
      std::copy(nanos.begin(), nanos.end(), octets.begin() + kBodyAt + 6);
      return octets;
    };
    EXPECT_EQ(Dropped(with_nanos("3b9ac9ff")), std::nullopt);  // 999 999 999
    EXPECT_EQ(Dropped(with_nanos("3b9aca00")), DropReason::kBadTimestamp);
    EXPECT_EQ(Dropped(with_nanos("ffffffff")), DropReason::kBadTimestamp);
  }
  EXPECT_EQ(with_timestamp, 10);
}

// ---- Serialising.

TEST(SerializeMessage, SetsTheControlFieldOf2008) {
  const std::map<MessageType, int> expected = {
      {MessageType::kSync, 0},       {MessageType::kDelayReq, 1},
      {MessageType::kFollowUp, 2},   {MessageType::kDelayResp, 3},
      {MessageType::kManagement, 4}, {MessageType::kPdelayReq, 5},
      {MessageType::kPdelayResp, 5}, {MessageType::kPdelayRespFollowUp, 5},
      {MessageType::kAnnounce, 5},   {MessageType::kSignaling, 5},
  };
  ASSERT_THAT(expected, SizeIs(std::variant_size_v<Body>));
  for (const GoldenMessage& golden : kGoldenMessages) {
    EXPECT_EQ(Serialized(MustParse(FromHex(golden.hex)))[kControlAt],
              expected.at(golden.type));
  }
}

TEST(SerializeMessage, WritesNothingIntoABufferThatIsTooSmall) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    const Octets octets = FromHex(golden.hex);
    const Message message = MustParse(octets);
    for (size_t room = 0; room < octets.size(); ++room) {
      EXPECT_THAT(Serialized(message, room), IsEmpty());
    }
    EXPECT_EQ(Serialized(message, octets.size()), octets);
  }
}

TEST(SerializeMessage, RefusesATimestampThatDoesNotFit) {
  Message message = MustParse(FromHex(kFollowUpGolden.hex));
  const auto end = TaiTime::FromSecondsAndNanos(uint64_t{1} << 48, 0);
  const auto tick = TimeDelta::FromScaledNanos(1);
  message.body = FollowUp{TaiTime()};
  EXPECT_THAT(Serialized(message), SizeIs(44));
  message.body = FollowUp{TaiTime() - tick};
  EXPECT_THAT(Serialized(message), IsEmpty());
  message.body = FollowUp{end - tick};
  EXPECT_THAT(Serialized(message), SizeIs(44));
  message.body = FollowUp{end};
  EXPECT_THAT(Serialized(message), IsEmpty());
}

TEST(SerializeMessage, RefusesACorrectionThatDoesNotFit) {
  Message message = MustParse(FromHex(kSyncGolden.hex));
  const auto tick = TimeDelta::FromScaledNanos(1);
  const auto most = TimeDelta::FromScaledNanos(std::numeric_limits<int64_t>::max());
  message.header.correction = most;
  EXPECT_THAT(Serialized(message), SizeIs(44));
  message.header.correction = most + tick;
  EXPECT_THAT(Serialized(message), IsEmpty());
  message.header.correction = -most - tick;
  EXPECT_THAT(Serialized(message), SizeIs(44));
  message.header.correction = -most - tick - tick;
  EXPECT_THAT(Serialized(message), IsEmpty());
}

TEST(SerializeMessage, RefusesAHeaderThatNamesAnotherTypeThanTheBody) {
  Message message = MustParse(FromHex(kSyncGolden.hex));
  ASSERT_THAT(Serialized(message), SizeIs(44));
  message.header.type = MessageType::kDelayReq;
  EXPECT_THAT(Serialized(message), IsEmpty());
}

TEST(SerializeMessage, RefusesMoreTlvsThanMessageLengthCanCount) {
  Octets tlvs = FromHex("0003 fffe");
  tlvs.resize(4 + 0xfffe);
  Message message = MustParse(FromHex(kSyncGolden.hex));
  ASSERT_TRUE(Tlvs::Parse(tlvs).has_value());
  message.tlvs = *Tlvs::Parse(tlvs);
  EXPECT_THAT(Serialized(message, 1 << 17), IsEmpty());
}

TEST(SerializeMessage, CutsTheFractionOfANanosecond) {
  Message message = MustParse(FromHex(kFollowUpGolden.hex));
  const TaiTime whole = std::get<FollowUp>(message.body).precise_origin;
  message.body = FollowUp{whole + TimeDelta::FromScaledNanos(0xffff)};
  EXPECT_EQ(MustParse(Serialized(message)).body, Body(FollowUp{whole}));
}

TEST(SerializeMessage, FitsEveryPlainMessageIntoKMaxPlainMessage) {
  for (const GoldenMessage& golden : kGoldenMessages) {
    Message message = MustParse(FromHex(golden.hex));
    message.tlvs = {};
    EXPECT_THAT(Serialized(message, kMaxPlainMessage), SizeIs(golden.body_end));
  }
}

// ---- At random.

TEST(Messages, SurviveARoundTripWithRandomFields) {
  Rng rng(1588);
  std::map<MessageType, int> seen;
  for (int round = 0; round < 2000; ++round) {
    for (const GoldenMessage& golden : kGoldenMessages) {
      Octets octets = FromHex(golden.hex);
      for (size_t i = 4; i < golden.body_end; ++i) {
        octets[i] = static_cast<uint8_t>(rng.Next());
      }
      octets[kBodyAt + 6] &= 0x1f;  // Keeps nanoseconds below 10^9.
      ExpectSurvivesRoundTrip(MustParse(octets));
      ++seen[golden.type];
      if (HasFailure()) return;
    }
  }
  EXPECT_THAT(seen, SizeIs(std::variant_size_v<Body>));
}

TEST(Messages, AreReadOrDroppedWhateverIsMutated) {
  Rng rng(2008);
  std::map<std::optional<DropReason>, int> seen;
  for (int round = 0; round < 20'000; ++round) {
    Octets octets = FromHex(kGoldenMessages[rng.Below(std::size(kGoldenMessages))].hex);
    for (uint64_t n = 1 + rng.Below(4); n > 0; --n) {
      octets[rng.Below(octets.size())] = static_cast<uint8_t>(rng.Next());
    }
    if (rng.Chance(0.2)) octets.resize(rng.Below(octets.size() + 8));
    octets.shrink_to_fit();
    ++seen[Dropped(octets)];
    if (!Dropped(octets)) ExpectSurvivesRoundTrip(MustParse(octets));
    if (HasFailure()) return;
  }
  EXPECT_THAT(seen, SizeIs(7)) << "accepted, and each reason that parsing can give";
}

}  // namespace
}  // namespace bridge::ptp
