#include "bridge/cli/refclockd_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/config/option_table.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<RefclockdOptions> Parse(std::vector<std::string> words) {
  return ParseRefclockdOptions(words);
}

TEST(RefclockdOptions, TurnsShortFlagsIntoSetsThatSetOverrides) {
  const auto options =
      Parse({"--set=ptp.interface=b", "--interface=a", "--role=client"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->sets,
              ElementsAre("ptp.interface=a", "role=client", "ptp.interface=b"));
  const auto loaded = LoadConfiguration(*options);
  ASSERT_TRUE(std::holds_alternative<Config>(loaded));
  EXPECT_EQ(std::get<Config>(loaded).ptp.interface, "b");
}

TEST(RefclockdOptions, RefusesAFileWithoutItsFlag) {
  const auto options = Parse({"/etc/refclockd.toml"});
  ASSERT_FALSE(options.ok());
  EXPECT_THAT(std::string(options.status().message()), HasSubstr("--config=FILE"));
}

TEST(RefclockdOptions, RecordsOnlyToAFileThatIsNamed) {
  EXPECT_EQ(Parse({"--interface=a"})->record, "");
  EXPECT_EQ(Parse({"--interface=a", "--record=/tmp/t"})->record, "/tmp/t");
  EXPECT_FALSE(Parse({"--interface=a", "--record="}).ok());
}

TEST(RefclockdOptions, NamesTheFileThatCannotBeRead) {
  const auto options = Parse({"--config=/nonexistent/refclockd.toml"});
  ASSERT_TRUE(options.ok());
  const auto loaded = LoadConfiguration(*options);
  ASSERT_TRUE(std::holds_alternative<std::vector<ConfigError>>(loaded));
  const auto& errors = std::get<std::vector<ConfigError>>(loaded);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0].ToString(), HasSubstr("/nonexistent/refclockd.toml: "));
  EXPECT_THAT(errors[0].ToString(), HasSubstr("No such file"));
}

TEST(RefclockdOptions, HelpNamesEveryOptionOfTheTable) {
  const std::string help = RefclockdHelp();
  for (const Option& option : Options()) EXPECT_THAT(help, HasSubstr(option.key));
}

TEST(RefclockdOptions, SummaryNamesWhatWouldBeFed) {
  const auto options =
      Parse({"--interface=eth7", "--set=output.shm.unit=12",
             "--set=output.sock.path=/run/x.sock", "--set=ptp.domain=24"});
  ASSERT_TRUE(options.ok());
  const auto loaded = LoadConfiguration(*options);
  ASSERT_TRUE(std::holds_alternative<Config>(loaded));
  const std::string text = CheckSummary(*options, std::get<Config>(loaded));
  for (const char* part :
       {"command line: good", "eth7", "domain 24", "unit 12", "SOCK /run/x.sock"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(RefclockdOptions, SummaryNamesEachPortOfTheExampleOfTwo) {
  const std::string file = REFCLOCKD_SOURCE_DIR "/contrib/ports/refclockd.toml";
  const auto options = Parse({"--config=" + file});
  ASSERT_TRUE(options.ok());
  const auto loaded = LoadConfiguration(*options);
  ASSERT_TRUE(std::holds_alternative<Config>(loaded));
  EXPECT_EQ(std::get<Config>(loaded).ports.size(), 2u);
  const std::string text = CheckSummary(*options, std::get<Config>(loaded));
  const size_t second = text.find("on eth1");
  ASSERT_NE(second, std::string::npos) << text;
  EXPECT_THAT(text.substr(0, second),
              AllOf(HasSubstr("domain 0 on eth0"), HasSubstr("unit 2")));
  EXPECT_THAT(text.substr(second), HasSubstr("unit 3"));
}

}  // namespace
}  // namespace bridge
