#include "bridge/config/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "bridge/config/config_file.h"
#include "bridge/config/nearest.h"

namespace bridge {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(OptionTable, HasEachKeyOnceWithHelpAndValues) {
  std::set<std::string> keys;
  for (const Option& option : Options()) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_FALSE(option.values.empty()) << option.key;
    EXPECT_NE(std::string(option.help), "") << option.key;
  }
  EXPECT_GT(keys.size(), 20u);
}

TEST(OptionTable, TakesBackEveryDefaultThatItPrints) {
  int with_default = 0;
  for (const Option& option : Options()) {
    const std::string value = option.Default();
    if (value.empty()) continue;
    ++with_default;
    const auto loaded =
        LoadConfig({"",
                    "",
                    {"ptp.interface=eth0", "output.sock.path=/x", "output.shm.unit=2",
                     absl::StrCat(option.key, "=", value)}});
    ASSERT_TRUE(std::holds_alternative<Config>(loaded)) << option.key << "=" << value;
    EXPECT_EQ(option.get(std::get<Config>(loaded)), value) << option.key;
  }
  EXPECT_GT(with_default, 18);
}

TEST(ExampleFile, ParsesToTheDefaults) {
  const auto example = LoadConfig({"example", ExampleFile(), {}});
  const auto empty = LoadConfig({"empty", "", {"ptp.interface=eth0"}});
  ASSERT_TRUE(std::holds_alternative<Config>(example)) << ExampleFile();
  ASSERT_TRUE(std::holds_alternative<Config>(empty));
  EXPECT_THAT(DescribeChanges(std::get<Config>(empty), std::get<Config>(example)),
              IsEmpty());
}

TEST(ExampleFile, NamesEveryKey) {
  const std::string text = ExampleFile();
  for (const Option& option : Options()) {
    const std::string key = option.key;
    EXPECT_THAT(text, HasSubstr(key.substr(key.find_last_of('.') + 1) + " = ")) << key;
  }
  EXPECT_THAT(text, HasSubstr("\n[[output.shm]]\n"));
}

TEST(ExampleFile, ShowsPortsThatAreGoodAsTheyStand) {
  // What stands behind "# [[port]]", without its comment signs.
  const std::string text = ExampleFile();
  const size_t begin = text.find("# [[port]]");
  ASSERT_NE(begin, std::string::npos);
  const std::string ports = absl::StrReplaceAll(
      absl::StrReplaceAll("\n" + text.substr(begin), {{"\n#\n", "\n\n"}}),
      {{"\n# ", "\n"}});
  const auto loaded = LoadConfig({"ports", ports, {}});
  ASSERT_TRUE(std::holds_alternative<Config>(loaded)) << ports;
  EXPECT_EQ(std::get<Config>(loaded).ports.size(), 2u);
}

TEST(OptionTable, GivesAPortTheOptionsOfPtpPhcAndItsOutputs) {
  int of_ports = 0;
  for (const Option& option : Options()) {
    const auto key = PortKey(option);
    const std::string common = option.key;
    EXPECT_EQ(key.has_value(), common.starts_with("ptp.") ||
                                   common.starts_with("phc.") ||
                                   common.starts_with("companion.") ||
                                   common.starts_with("output.shm.") ||
                                   common.starts_with("output.sock."))
        << common;
    if (!key) continue;
    ++of_ports;
    EXPECT_EQ(FindOption(*key), &option) << *key;
  }
  EXPECT_GT(of_ports, 18);
  EXPECT_EQ(FindOption("port.domain"), FindOption("ptp.domain"));
  EXPECT_EQ(FindOption("port.ptp.domain"), nullptr);
  EXPECT_EQ(FindOption("port.output.rate"), nullptr);
}

TEST(OptionTable, HasNoOptionThatNoRoleHasAUseFor) {
  for (const Option& option : Options()) {
    const bool client = MattersTo(Role::kClient, option);
    const bool grandmaster = MattersTo(Role::kGrandmaster, option);
    EXPECT_EQ(MattersTo(Role::kAuto, option), client || grandmaster) << option.key;
    EXPECT_TRUE(client || grandmaster || MattersTo(Role::kCompanion, option))
        << option.key;
  }
}

TEST(OptionHelp, FitsIntoATerminal) {
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(OptionHelp(), '\n'))) {
    EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_THAT(OptionHelp(), HasSubstr("\n    auto: companion.*\n"));
}

TEST(Nearest, ForgivesAFewSlipsAndNoMore) {
  const std::vector<std::string> words = {"transport", "domain", "delay"};
  EXPECT_EQ(Nearest("domian", words), "domain");  // Swapped.
  EXPECT_EQ(Nearest("domin", words), "domain");   // Lost.
  EXPECT_EQ(Nearest("ddelay", words), "delay");   // Added.
  EXPECT_EQ(Nearest("delai", words), "delay");    // Replaced.
  EXPECT_EQ(Nearest("priority1", words), std::nullopt);
  EXPECT_EQ(Nearest("", words), std::nullopt);
  EXPECT_EQ(Nearest(std::string(1000, 'd'), words), std::nullopt);
}

}  // namespace
}  // namespace bridge
