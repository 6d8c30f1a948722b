#include "bridge/config/phc2sys_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Written(absl::string_view text) {
  const Phc2sysLine line = ParsePhc2sysLine(text);
  EXPECT_THAT(line.problems, IsEmpty());
  std::vector<std::string> written;
  for (const Phc2sysOption& option : line.options) written.push_back(option.written);
  return written;
}

std::vector<std::string> Problems(absl::string_view text) {
  std::vector<std::string> messages;
  for (const ConfigError& problem : ParsePhc2sysLine(text).problems) {
    messages.push_back(problem.ToString());
  }
  return messages;
}

TEST(Phc2sysLine, ReadsLettersAloneTogetherAndWithTheirValues) {
  EXPECT_THAT(Written("phc2sys -s eth0 -Entpshm -M 2 -wq"),
              ElementsAre("-s eth0", "-E ntpshm", "-M 2", "-w", "-q"));
  EXPECT_THAT(Written("-arr -R8"), ElementsAre("-a", "-r", "-r", "-R 8"));
  EXPECT_EQ(ParsePhc2sysLine("-a -r -r").Count('r'), 2);
  EXPECT_EQ(ParsePhc2sysLine("-M 1 -M 2").Find('M')->value, "2");
  EXPECT_EQ(ParsePhc2sysLine("-M 1").Find('R'), nullptr);
}

TEST(Phc2sysLine, ReadsNegativeNumbersAndPathsAndQuotes) {
  EXPECT_EQ(ParsePhc2sysLine("/usr/sbin/phc2sys -O -5").Find('O')->value, "-5");
  EXPECT_EQ(ParsePhc2sysLine("-z '/run/p t\\p'").Find('z')->value, "/run/p t\\p");
  EXPECT_EQ(ParsePhc2sysLine("-z \"/run/\\\"p\"").Find('z')->value, "/run/\"p");
  EXPECT_EQ(ParsePhc2sysLine("-t ''").Find('t')->value, "");
}

TEST(Phc2sysLine, KnowsLongOptionsOfThoseThatHaveALetter) {
  const Phc2sysLine line = ParsePhc2sysLine(
      "--ntpshm_segment=3 --domainNumber 24 --clock_servo ntpshm "
      "--refclock_sock_address /run/c.sock --transportSpecific 1");
  EXPECT_THAT(line.problems, IsEmpty());
  EXPECT_EQ(line.Find('M')->value, "3");
  EXPECT_EQ(line.Find('n')->value, "24");
  EXPECT_EQ(line.Find('E')->value, "ntpshm");
  EXPECT_EQ(line.Find(kPhc2sysSock)->value, "/run/c.sock");
  EXPECT_EQ(line.options.back().name, "transportSpecific");
}

TEST(Phc2sysLine, NamesWhatPhc2sysWouldRefuse) {
  EXPECT_THAT(Problems(""), ElementsAre(HasSubstr("empty")));
  EXPECT_THAT(Problems("ptp4l -i eth0"), ElementsAre(HasSubstr("not phc2sys")));
  EXPECT_THAT(Problems("phc2sys -y foo -w"), ElementsAre(HasSubstr("-y")));
  EXPECT_THAT(Problems("phc2sys --bogus 3"), ElementsAre(HasSubstr("--bogus")));
  EXPECT_THAT(Problems("phc2sys -M"), ElementsAre(HasSubstr("needs a value")));
  EXPECT_THAT(Problems("phc2sys -M two"),
              ElementsAre(HasSubstr("-2147483647 to 2147483647")));
  EXPECT_THAT(Problems("phc2sys -n 256"), ElementsAre(HasSubstr("0 to 255")));
  EXPECT_THAT(Problems("phc2sys -R 0"), ElementsAre(HasSubstr("a number")));
  EXPECT_THAT(Problems("phc2sys -w eth0"), ElementsAre(HasSubstr("no option")));
}

}  // namespace
}  // namespace bridge
