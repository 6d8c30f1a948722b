#include "bridge/base/byte_writer.h"

#include <array>

#include "bridge/base/byte_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(ByteWriter, WritesEachWidthBigEndian) {
  std::array<uint8_t, 21> buffer{};
  ByteWriter out(buffer);
  out.U8(0x01);
  out.U16(0x0203);
  out.U32(0x04050607);
  out.U48(0xffff'0809'0a0b'0c0d);  // Only 48 bits are written.
  out.U64(0x0e0f'1011'1213'1415);
  EXPECT_TRUE(out.ok());
  EXPECT_THAT(out.written(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                         15, 16, 17, 18, 19, 20, 21));
}

TEST(ByteWriter, WritesSignedValuesAsTwosComplement) {
  std::array<uint8_t, 11> buffer{};
  ByteWriter out(buffer);
  out.I8(-1);
  out.I16(-2);
  out.I64(-3);
  EXPECT_THAT(out.written(), ElementsAre(0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xfd));
}

TEST(ByteWriter, WritesZerosAndOctets) {
  std::array<uint8_t, 5> buffer;
  buffer.fill(0xee);
  ByteWriter out(buffer);
  out.Zeros(2);
  out.Bytes(std::array<uint8_t, 2>{7, 8});
  EXPECT_THAT(out.written(), ElementsAre(0, 0, 7, 8));
  EXPECT_EQ(out.position(), 4u);
  EXPECT_EQ(buffer[4], 0xee) << "nothing behind what was written";
}

TEST(ByteWriter, WritesNoPartOfAValueThatDoesNotFit) {
  std::array<uint8_t, 3> buffer;
  buffer.fill(0xee);
  ByteWriter out(buffer);
  out.U32(0x01020304);
  EXPECT_FALSE(out.ok());
  EXPECT_THAT(buffer, Each(0xee));
  out.U8(1);
  EXPECT_FALSE(out.ok()) << "a later success mends nothing";
}

TEST(ByteWriter, IsReadBackByByteReader) {
  std::array<uint8_t, 26> buffer{};
  ByteWriter out(buffer);
  out.I8(INT8_MIN);
  out.I16(INT16_MIN);
  out.I64(INT64_MIN);
  out.U48((uint64_t{1} << 48) - 2);
  out.U64(UINT64_MAX - 1);
  ASSERT_TRUE(out.ok());
  ByteReader in(out.written());
  EXPECT_EQ(in.I8(), INT8_MIN);
  EXPECT_EQ(in.I16(), INT16_MIN);
  EXPECT_EQ(in.I64(), INT64_MIN);
  EXPECT_EQ(in.U48(), (uint64_t{1} << 48) - 2);
  EXPECT_EQ(in.U64(), UINT64_MAX - 1);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
}

}  // namespace
}  // namespace bridge
