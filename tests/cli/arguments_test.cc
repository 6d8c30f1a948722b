#include "bridge/cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Flag kFlags[] = {
    {"config", "FILE", "a file"},
    {"set", "KEY=VALUE", "an option", true},
    {"check", nullptr, "only look"},
};

absl::StatusOr<Arguments> Parse(std::vector<std::string> words) {
  return Arguments::Parse(words, kFlags);
}

TEST(Arguments, TakesValuesAfterAnEqualsSignOrAsTheNextWord) {
  const auto arguments =
      Parse({"--config=a=b", "--set", "x=1", "--check", "--set=y=2", "word"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->Get("config"), "a=b");
  EXPECT_THAT(arguments->All("set"), ElementsAre("x=1", "y=2"));
  EXPECT_TRUE(arguments->Has("check"));
  EXPECT_FALSE(arguments->Has("help"));
  EXPECT_THAT(arguments->words(), ElementsAre("word"));
}

TEST(Arguments, KnowsNothingThatWasNotGiven) {
  const auto arguments = Parse({});
  ASSERT_TRUE(arguments.ok());
  EXPECT_FALSE(arguments->Has("config"));
  EXPECT_EQ(arguments->Get("config"), std::nullopt);
  EXPECT_THAT(arguments->All("set"), IsEmpty());
}

TEST(Arguments, EndsTheFlagsAtTwoDashes) {
  const auto arguments = Parse({"--", "--check", "-"});
  ASSERT_TRUE(arguments.ok());
  EXPECT_FALSE(arguments->Has("check"));
  EXPECT_THAT(arguments->words(), ElementsAre("--check", "-"));
}

TEST(Arguments, AlwaysHasHelp) {
  for (const char* word : {"--help", "-h"}) {
    const auto arguments = Parse({word});
    ASSERT_TRUE(arguments.ok());
    EXPECT_TRUE(arguments->Has("help"));
  }
  EXPECT_THAT(FlagHelp(kFlags), HasSubstr("--help"));
  EXPECT_THAT(FlagHelp(kFlags), HasSubstr("--config=FILE"));
}

TEST(Arguments, SaysWhatWouldBeRight) {
  const std::pair<std::vector<std::string>, const char*> kWrong[] = {
      {{"--confg=x"}, "did you mean --config?"},
      {{"--zzzzzzzz"}, "see --help"},
      {{"-c", "x"}, "two dashes"},
      {{"--config"}, "--config=FILE"},
      {{"--config", "--check"}, "--config needs a value"},
      {{"--check=1"}, "--check takes no value"},
      {{"--config=a", "--config=b"}, "given twice"},
  };
  for (const auto& [words, message] : kWrong) {
    const auto arguments = Parse(words);
    ASSERT_FALSE(arguments.ok()) << words[0];
    EXPECT_THAT(std::string(arguments.status().message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace bridge
