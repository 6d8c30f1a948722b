#include "bridge/cli/refclockd_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/config/option_table.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

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

std::string Summary(std::vector<std::string> words) {
  const auto options = Parse(std::move(words));
  EXPECT_TRUE(options.ok()) << options.status();
  const auto loaded = LoadConfiguration(*options);
  const auto* config = std::get_if<Config>(&loaded);
  EXPECT_NE(config, nullptr);
  return config ? CheckSummary(*options, *config) : "";
}

TEST(RefclockdOptions, SummaryNamesWhatAGrandmasterServes) {
  EXPECT_THAT(
      Summary({"--interface=eth7", "--role=grandmaster", "--set=ptp.priority1=7",
               "--set=gnss.gpsd=localhost:2947", "--set=grandmaster.holdover=2h"}),
      AllOf(HasSubstr("serves    PTP domain 0 on eth7"),
            HasSubstr("the system clock's"), HasSubstr("priority  7, 128 "),
            HasSubstr("gpsd at localhost:2947"),
            HasSubstr("class 7 for 2h or 1us of drift"), Not(HasSubstr("follows")),
            Not(HasSubstr("feeds")), Not(HasSubstr("withholds"))));
  EXPECT_THAT(Summary({"--interface=eth7", "--role=auto"}),
              AllOf(HasSubstr("serves    PTP"), HasSubstr("clockClass stays 248"),
                    HasSubstr("follows   another master"), HasSubstr("unit 2"),
                    HasSubstr("withholds")));
}

TEST(RefclockdOptions, SummaryOfTheRecipeForServersIsOfAGrandmaster) {
  const std::string recipe = REFCLOCKD_SOURCE_DIR "/contrib/grandmaster/refclockd.toml";
  EXPECT_THAT(Summary({"--config=" + recipe}),
              AllOf(HasSubstr("serves    PTP"), HasSubstr("gpsd at localhost:2947")));
  EXPECT_THAT(
      Summary({"--config=" + recipe, "--role=auto", "--set=output.shm.unit=12"}),
      AllOf(HasSubstr("follows"), HasSubstr("unit 12")));
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
