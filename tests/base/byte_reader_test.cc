#include "bridge/base/byte_reader.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<uint8_t> kCounting = {0x81, 0x82, 0x83, 0x84, 0x85,
                                        0x86, 0x87, 0x88, 0x89};

TEST(ByteReader, ReadsEachWidthBigEndian) {
  EXPECT_EQ(ByteReader(kCounting).U8(), 0x81);
  EXPECT_EQ(ByteReader(kCounting).U16(), 0x8182);
  EXPECT_EQ(ByteReader(kCounting).U32(), 0x81828384);
  EXPECT_EQ(ByteReader(kCounting).U48(), 0x8182'8384'8586);
  EXPECT_EQ(ByteReader(kCounting).U64(), 0x8182'8384'8586'8788);
}

TEST(ByteReader, ReadsSignedValuesAsTwosComplement) {
  EXPECT_EQ(ByteReader(kCounting).I8(), -127);
  EXPECT_EQ(ByteReader(kCounting).I16(), -32382);
  EXPECT_EQ(ByteReader(kCounting).I64(), -0x7e7d'7c7b'7a79'7878);
}

TEST(ByteReader, ReadsFieldsOneAfterTheOther) {
  ByteReader in(kCounting);
  EXPECT_EQ(in.U16(), 0x8182);
  in.Skip(3);
  EXPECT_THAT(in.Bytes(2), ElementsAre(0x86, 0x87));
  EXPECT_EQ(in.position(), 7u);
  EXPECT_EQ(in.remaining(), 2u);
  EXPECT_EQ(in.U16(), 0x8889);
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_TRUE(in.ok()) << "reading up to the end is no error";
}

TEST(ByteReader, GivesZeroPastTheEndAndStaysSpoiled) {
  ByteReader in({kCounting.data(), 3});
  EXPECT_EQ(in.U16(), 0x8182);
  EXPECT_EQ(in.U16(), 0) << "half a value is no value";
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.U8(), 0) << "not the octet that was left";
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(ByteReader, SkipsPastTheEndWithoutOverflow) {
  ByteReader in(kCounting);
  in.U8();
  in.Skip(SIZE_MAX);
  EXPECT_FALSE(in.ok());
  EXPECT_THAT(in.Bytes(1), IsEmpty());
}

TEST(ByteReader, ReadsNothingFromNothing) {
  ByteReader in({});
  EXPECT_THAT(in.Bytes(0), IsEmpty());
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.U64(), 0u);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace bridge
