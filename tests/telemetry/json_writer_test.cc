#include "bridge/telemetry/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace bridge {
namespace {

using nlohmann::json;

std::string Written(absl::string_view text) { return JsonWriter().String(text).text(); }

TEST(JsonWriter, PutsCommasBetweenValuesOnly) {
  JsonWriter out;
  out.BeginObject().Key("a").BeginArray().Int(1).Int(2).BeginObject().EndObject();
  out.EndArray().Key("b").Null().Key("c").BeginArray().EndArray().EndObject();
  EXPECT_EQ(out.text(), R"({"a":[1,2,{}],"b":null,"c":[]})");
}

TEST(JsonWriter, GivesBackEveryAsciiCharacter) {
  std::string all;
  for (char c = 0; c < 0x7f; ++c) all += c;
  ASSERT_EQ(all.size(), 127u);
  EXPECT_EQ(json::parse(Written(all)).get<std::string>(), all);
}

TEST(JsonWriter, KeepsUtf8AsItIs) {
  const std::string text = "ü€😀 ab";
  EXPECT_EQ(json::parse(Written(text)).get<std::string>(), text);
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8) {
  const std::string kBad[] = {"\xff",
                              "\x80",
                              "\xc3",
                              "\xc0\xaf",
                              "\xe0\x80\xaf",
                              "\xed\xa0\x80",
                              "\xf4\x90\x80\x80",
                              "\xf0\x9f\x98"};
  for (const std::string& bad : kBad) {
    const std::string read = json::parse(Written("<" + bad + ">")).get<std::string>();
    EXPECT_NE(read.find("\ufffd"), std::string::npos);
    EXPECT_EQ(read.front(), '<');
    EXPECT_EQ(read.back(), '>');
  }
}

TEST(JsonWriter, WritesNumbersThatAreNoneAsNull) {
  for (double value : {std::nan(""), std::numeric_limits<double>::infinity(),
                       -std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(JsonWriter().Double(value).text(), "null");
  }
  JsonWriter out;
  out.BeginObject().Field("x", std::optional<double>(NAN)).EndObject();
  EXPECT_EQ(out.text(), R"({"x":null})");
}

TEST(JsonWriter, WritesNumbersToTheLastNanosecond) {
  EXPECT_EQ(json::parse(JsonWriter().Double(-1234.5).text()).get<double>(), -1234.5);
  EXPECT_EQ(json::parse(JsonWriter().Double(0.1).text()).get<double>(), 0.1);
  EXPECT_EQ(json::parse(JsonWriter().Double(1e300).text()).get<double>(), 1e300);
  for (int64_t value :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(json::parse(JsonWriter().Int(value).text()).get<int64_t>(), value);
  }
}

}  // namespace
}  // namespace bridge
