#include "bridge/ptp/tlv.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ptp/golden_messages.h"

namespace bridge::ptp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Tlvs, AreWalkedInOrderWithTheirValues) {
  const auto octets = FromHex("0008 0004 01020304 0003 0000 4000 0002 aabb");
  const auto tlvs = Tlvs::Parse(octets);
  ASSERT_TRUE(tlvs.has_value());
  std::vector<TlvType> types;
  std::vector<std::vector<uint8_t>> values;
  for (const Tlv& tlv : *tlvs) {
    types.push_back(tlv.type);
    values.emplace_back(tlv.value.begin(), tlv.value.end());
  }
  EXPECT_THAT(types, ElementsAre(TlvType::kPathTrace, TlvType::kOrganizationExtension,
                                 static_cast<TlvType>(0x4000)));
  EXPECT_THAT(values,
              ElementsAre(ElementsAre(1, 2, 3, 4), IsEmpty(), ElementsAre(0xaa, 0xbb)));
}

TEST(Tlvs, ViewTheOctetsTheyWereParsedFrom) {
  const auto octets = FromHex("0008 0002 0102");
  const auto tlvs = Tlvs::Parse(octets);
  ASSERT_TRUE(tlvs.has_value());
  EXPECT_EQ((*tlvs->begin()).value.data(), octets.data() + 4);
  EXPECT_EQ(tlvs->octets().data(), octets.data());
}

TEST(Tlvs, MayBeNone) {
  const auto tlvs = Tlvs::Parse({});
  ASSERT_TRUE(tlvs.has_value());
  EXPECT_TRUE(tlvs->empty());
  EXPECT_TRUE(tlvs->begin() == tlvs->end());
}

TEST(Tlvs, RefuseAnOddLength) {
  EXPECT_FALSE(Tlvs::Parse(FromHex("0008 0003 010203")).has_value());
  EXPECT_FALSE(Tlvs::Parse(FromHex("0008 0003 010203 00")).has_value());
  EXPECT_TRUE(Tlvs::Parse(FromHex("0008 0004 010203 00")).has_value());
}

TEST(Tlvs, RefuseALengthPastTheEnd) {
  EXPECT_FALSE(Tlvs::Parse(FromHex("0008 0004 0102")).has_value());
  EXPECT_FALSE(Tlvs::Parse(FromHex("0003 0000 0008 fffe 0102")).has_value());
}

TEST(Tlvs, RefuseOneToThreeOctetsLeftOver) {
  for (const char* rest : {"00", "0000", "000000"}) {
    EXPECT_FALSE(Tlvs::Parse(FromHex(rest)).has_value());
    EXPECT_FALSE(Tlvs::Parse(FromHex(absl::StrCat("00080000", rest))).has_value());
  }
  EXPECT_TRUE(Tlvs::Parse(FromHex("00000000")).has_value());
}

}  // namespace
}  // namespace bridge::ptp
