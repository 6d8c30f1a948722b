#include "bridge/config/ptp4l_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Problems(absl::string_view text) {
  std::vector<std::string> messages;
  for (const Ptp4lProblem& problem : ParsePtp4lConf("f.conf", text).problems) {
    messages.push_back(problem.error.ToString());
  }
  return messages;
}

// "domainNumber 24" for each setting, of a port with its name: "eth0: ...".
std::vector<std::string> Settings(absl::string_view text) {
  const Ptp4lConf conf = ParsePtp4lConf("f.conf", text);
  std::vector<std::string> settings;
  for (const Ptp4lSetting& setting : conf.settings) {
    settings.push_back(
        absl::StrCat(setting.port ? conf.ports[*setting.port].name + ": " : "",
                     setting.option->name, " ", setting.value));
  }
  return settings;
}

// One line of [global] that ptp4l takes, and what is read.
std::string One(absl::string_view line) {
  const std::string text = absl::StrCat("[global]\n", line, "\n");
  EXPECT_THAT(Problems(text), IsEmpty());
  const auto settings = Settings(text);
  EXPECT_THAT(settings, SizeIs(1));
  return settings.empty() ? "" : settings[0];
}

TEST(Ptp4lConf, KnowsSectionsCommentsAndBlanks) {
  EXPECT_THAT(
      Settings("# c\n\n  [GLOBAL]  \n\tdomainNumber\t 24 \r\n #x\n"
               "[eth0]\nudp_ttl 2\n[eth1]\n[eth0]\nlogSyncInterval -3"),
      ElementsAre("domainNumber 24", "eth0: udp_ttl 2", "eth0: logSyncInterval -3"));
  EXPECT_THAT(Problems("# c\n\n  [GLOBAL]  \n[eth0]\n[eth1]\n[eth0]\n"), IsEmpty());
  EXPECT_THAT(ParsePtp4lConf("f", "[eth0]\n[eth1]\n[eth0]").ports, SizeIs(2));
}

TEST(Ptp4lConf, ReadsFormerNamesAsThoseOfToday) {
  EXPECT_EQ(One("slaveOnly 1"), "clientOnly 1");
  EXPECT_EQ(One("masterOnly 1"), "serverOnly 1");
  EXPECT_EQ(One("pi_offset_const 0.1"), "step_threshold 0.1");
  EXPECT_EQ(One("pi_f_offset_const 0.1"), "first_step_threshold 0.1");
  EXPECT_EQ(One("pi_max_frequency 5"), "max_frequency 5");
}

TEST(Ptp4lConf, ReadsNumbersAndWordsAsPtp4lDoes) {
  EXPECT_EQ(One("clockAccuracy 0x21"), "clockAccuracy 0x21");
  EXPECT_EQ(One("domainNumber 030"), "domainNumber 030");
  EXPECT_EQ(Ptp4lNumber(*FindPtp4lOption("domainNumber"), "030"), 24);
  EXPECT_EQ(One("logSyncInterval +3"), "logSyncInterval +3");
  EXPECT_EQ(One("first_step_threshold 2e-5"), "first_step_threshold 2e-5");
  EXPECT_EQ(One("network_transport udpV4"), "network_transport udpV4");
  EXPECT_EQ(One("fault_reset_interval asap"), "fault_reset_interval asap");
  EXPECT_EQ(One("userDescription rack 4; left"), "userDescription rack 4; left");
}

TEST(Ptp4lConf, ThePortsOwnSettingGoesBeforeTheGlobalOneWhereverItStands) {
  const Ptp4lConf conf = ParsePtp4lConf(
      "f", "[eth0]\nudp_ttl 2\n[global]\nudp_ttl 3\nudp_ttl 4\n[eth1]\n");
  ASSERT_THAT(conf.ports, SizeIs(2));
  EXPECT_EQ(conf.Find("udp_ttl", 0)->value, "2");
  EXPECT_EQ(conf.Find("udp_ttl", 1)->value, "4");
  EXPECT_EQ(conf.Find("udp_ttl", {})->value, "4");
  EXPECT_EQ(conf.Find("domainNumber", {}), nullptr);
}

TEST(Ptp4lConf, NamesACommentBehindAValueAndTakesWhatIsMeant) {
  const char text[] = "[global]\ndomainNumber  24  # lab\n";
  EXPECT_THAT(
      Problems(text),
      ElementsAre("f.conf:2:19: ptp4l refuses a comment behind a value\n"
                  "    domainNumber  24  # lab\n"
                  "                      ^ domainNumber 24, with the comment on "
                  "a line of its own"));
  const Ptp4lConf conf = ParsePtp4lConf("f.conf", text);
  ASSERT_THAT(conf.settings, SizeIs(1));
  EXPECT_EQ(conf.settings[0].value, "24");
  EXPECT_TRUE(conf.settings[0].mended);
}

TEST(Ptp4lConf, SaysThatAPathWouldTakeTheCommentIn) {
  EXPECT_THAT(Problems("[global]\nuds_address /run/p # mine\n"),
              ElementsAre(HasSubstr("takes the comment for a part of the value")));
  EXPECT_THAT(Settings("[global]\nuds_address /run/p # mine\n"),
              ElementsAre("uds_address /run/p"));
  EXPECT_EQ(One("uds_address /run/a#b"), "uds_address /run/a#b");
}

TEST(Ptp4lConf, MendsEqualsSignsAndTrailingWords) {
  for (const char* line :
       {"domainNumber = 24", "domainNumber=24", "domainNumber =24", "domainNumber= 24",
        "domainNumber 24 ;x", "domainNumber 24 s"}) {
    const std::string text = absl::StrCat("[global]\n", line, "\n");
    EXPECT_THAT(Problems(text), ElementsAre(HasSubstr("domainNumber 24"))) << line;
    EXPECT_THAT(Settings(text), ElementsAre("domainNumber 24")) << line;
  }
}

TEST(Ptp4lConf, RefusesWhatPtp4lRefusesAndSaysWhatItTakes) {
  const struct {
    const char* line;
    const char* right;
  } kCases[] = {{"domainNumber 256", "0 to 255"},
                {"domainNumber -1", "0 to 255"},
                {"domainNumber 99999999999999999999", "0 to 255"},
                {"domainNumber", "0 to 255"},
                {"domainNumber =", "0 to 255"},
                {"logSyncInterval 3.0", "-128 to 127"},
                {"first_step_threshold -1", "a number from 0"},
                {"delay_mechanism E2E2", "E2E or P2P"},
                {"priority1 ASAP", "0 to 255"},
                {"leapfile", "a value"},
                {"; comment", "delete the line"},
                {"bmca ptp", "BMCA; upper and lower case count"},
                {"slaveonly 1", "slaveOnly; upper and lower case count"},
                {"domainNumbr 3", "did you mean domainNumber?"},
                {"tx_timestamp_retries 3", "delete the line"}};
  for (const auto& c : kCases) {
    const std::string text = absl::StrCat("[global]\n", c.line, "\n");
    EXPECT_THAT(Problems(text), ElementsAre(HasSubstr(c.right))) << c.line;
    EXPECT_THAT(Settings(text), IsEmpty()) << c.line;
    EXPECT_THAT(ParsePtp4lConf("f", text).others, SizeIs(1)) << c.line;
  }
}

TEST(Ptp4lConf, WantsEachLineInItsSection) {
  EXPECT_THAT(Problems("domainNumber 3\n"), ElementsAre(HasSubstr("in no section")));
  EXPECT_THAT(
      Problems("[eth0]\ndomainNumber 3\n"),
      ElementsAre(AllOf(HasSubstr("of the whole clock"), HasSubstr("[global]"))));
  EXPECT_THAT(Problems("[/dev/pps0]\nudp_ttl 3\n"),
              ElementsAre(HasSubstr("\"/dev/pps0\" is no network interface")));
  EXPECT_THAT(Settings("[/dev/pps0]\nudp_ttl 3\n"), IsEmpty());
}

TEST(Ptp4lConf, TakesAMisspeltHeadForWhatItMeans) {
  for (const char* head :
       {"[global", "[ global ]", "[global] # all", "[Global]]", "[globals]"}) {
    const std::string text = absl::StrCat(head, "\ndomainNumber 3\n");
    EXPECT_THAT(Problems(text), ElementsAre(HasSubstr("for an interface"))) << head;
    EXPECT_THAT(Settings(text), ElementsAre("domainNumber 3")) << head;
  }
  EXPECT_THAT(Problems("[eth0] # left\nudp_ttl 3\n"),
              ElementsAre(HasSubstr("reads only eth0")));
}

TEST(Ptp4lConf, ReadsUnicastTablesAsFarAsTheirLinesGo) {
  EXPECT_THAT(
      Problems("[unicast_master_table]\ntable_id 1\nlogQueryInterval 2\n"
               "peer_address 192.0.2.9\nUDPv4 192.0.2.1\nl2 00:00:5e:00:53:01\n"),
      IsEmpty());
  EXPECT_THAT(Problems("[unicast_master_table]\nUDPv4 192.0.2.1\n"),
              ElementsAre(HasSubstr("no table_id above")));
  EXPECT_THAT(Problems("[unicast_master_table]\ntable_id 0\n"),
              ElementsAre(HasSubstr("from 1")));
  EXPECT_THAT(Problems("[unicast_master_table]\ntable_id 1\n192.0.2.1\n"),
              ElementsAre(HasSubstr("no line of a unicast master table")));
}

TEST(Ptp4lConf, EndsItsListOfProblemsForAFileThatIsNone) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "x\n";
  EXPECT_THAT(Problems(text), SizeIs(kMostPtp4lProblems + 1));
}

TEST(Ptp4lConf, MakesAnyOctetsOfALinePrintable) {
  EXPECT_THAT(Problems(std::string("[global]\na\xff\x1b\t\0b 1\n", 17)), SizeIs(1));
  EXPECT_EQ(Printable("a\xff\x1b\t\t\nb"), "a?? b");
}

TEST(Ptp4lOptions, AreThereOnceAndTakeTheirOwnDefault) {
  ASSERT_GT(Ptp4lOptions().size(), 140u);
  for (const Ptp4lOption& option : Ptp4lOptions()) {
    EXPECT_EQ(FindPtp4lOption(option.name), &option) << option.name;
    if (!*option.fallback) continue;
    // A default that ptp4l would not take from a file.
    if (absl::string_view(option.name) == "ts2phc.perout_phase") continue;
    EXPECT_EQ(Ptp4lRefusal(option, option.fallback), "") << option.name;
    EXPECT_TRUE(IsPtp4lDefault(option, option.fallback)) << option.name;
  }
}

}  // namespace
}  // namespace bridge
