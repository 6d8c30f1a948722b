#include "bridge/base/utf8.h"

#include <gtest/gtest.h>

namespace bridge {
namespace {

TEST(Utf8, TakesCharactersOfOneToFourOctets) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x95\x90"));
  EXPECT_EQ(Utf8CharacterSize("\xf0\x9f\x95\x90z"), 4u);
}

TEST(Utf8, RefusesWhatIsCutOverlongASurrogateOrBeyondUnicode) {
  for (const char* text : {"\x80", "\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf",
                           "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\xfbz"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

}  // namespace
}  // namespace bridge
