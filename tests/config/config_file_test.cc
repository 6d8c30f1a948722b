#include "bridge/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/config/option_table.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

// What LoadConfig says, as a person sees it.
std::vector<std::string> Errors(std::string text, std::vector<std::string> sets = {}) {
  const auto result = LoadConfig({"f.toml", std::move(text), std::move(sets)});
  std::vector<std::string> messages;
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&result)) {
    for (const ConfigError& error : *errors) messages.push_back(error.ToString());
  }
  return messages;
}

Config Good(std::string text, std::vector<std::string> sets = {}) {
  const auto result = LoadConfig({"f.toml", text, sets});
  EXPECT_TRUE(std::holds_alternative<Config>(result))
      << absl::StrJoin(Errors(text, sets), "\n");
  const auto* config = std::get_if<Config>(&result);
  return config ? *config : Config{};
}

constexpr char kInterface[] = "ptp.interface = \"eth0\"\n";

std::string WithInterface(std::string text) { return absl::StrCat(kInterface, text); }

TEST(LoadConfig, NeedsNothingButAnInterface) {
  const Config config = Good(kInterface);
  EXPECT_EQ(config.ptp.interface, "eth0");
  EXPECT_EQ(config.output.max_error, TimeDelta::FromMillis(1));
  ASSERT_THAT(config.output.shm, SizeIs(1));
  EXPECT_EQ(config.output.shm[0].unit, 2);
  EXPECT_EQ(config.output.shm[0].mode, 0600);
  EXPECT_THAT(config.output.sock, IsEmpty());
}

TEST(LoadConfig, NamesTheKeyAndTheFlagWhenTheInterfaceIsMissing) {
  EXPECT_THAT(Errors(""),
              ElementsAre(AllOf(HasSubstr("no interface is given"),
                                HasSubstr("ptp.interface"), HasSubstr("--interface"))));
}

TEST(LoadConfig, RefusesACharacterBeyondAsciiOutsideQuotesBeforeTheParserSeesIt) {
  for (const char* text : {"ü = 1\n", "aü = 1\n", "[ptp]ü\n", "role = ü\n", "\xff",
                           "role = \"client\" ü\n", "role = 'a\\'ü\n", "# ü\nü",
                           "role = \"\"\"\\\nü\"\"\"\n", "role = '''a'''''ü'\n"}) {
    EXPECT_THAT(Errors(text), ElementsAre(HasSubstr("not ASCII"))) << text;
  }
  EXPECT_THAT(Errors(WithInterface("status = 'ö' # ü\n'é' = ü\n")),
              ElementsAre(AllOf(StartsWith("f.toml:3:7: "),
                                HasSubstr("\n    'é' = ü\n          ^ "))));
}

TEST(LoadConfig, LetsACharacterBeyondAsciiStandInACommentAndInAString) {
  EXPECT_THAT(Errors("\xef\xbb\xbf# ü\n" + WithInterface("# é")), IsEmpty());
  const char sock[] = "\"ü\".x = 1 # \"\n[[output.sock]]\npath = \"/ü\\\"ü\" # 'ü\n";
  EXPECT_THAT(Errors(WithInterface(sock)), ElementsAre(HasSubstr("unknown key ü")));
  EXPECT_EQ(Good(kInterface, {"output.sock.path=/ü"}).output.sock[0].path, "/ü");
  EXPECT_EQ(Good(kInterface, {"output.sock.path=\"/ü\""}).output.sock[0].path, "/ü");
}

TEST(LoadConfig, ReadsEveryKindOfValue) {
  const Config config = Good(R"(
role = "client"
[ptp]
interface = "enp3s0f1"
transport = "udp6"
delay = "p2p"
domain = 24
timestamping = "software"
minor_version = 1
announce_interval = -2
delay_asymmetry = "-120ns"
asymmetry_bound = "1.5us"
allowed_masters = ["001122.fffe.334455", "00:11:22:ff:fe:33:44:56", "0x001122fffe334457"]
[utc]
policy = "pin"
pin = 37
arbitrary_timescale = "tai"
[output]
max_error = "250us"
rate = 0.5
[[output.shm]]
unit = 12
mode = 0o666
[[output.shm]]
unit = 13
[[output.sock]]
path = "/run/chrony.ptp.sock"
[realtime]
priority = 50
lock_memory = true
)");
  EXPECT_EQ(config.ptp.transport, Transport::kUdp6);
  EXPECT_EQ(config.ptp.delay, DelayChoice::kP2P);
  EXPECT_EQ(config.ptp.domain, 24);
  EXPECT_EQ(config.ptp.timestamping, Timestamping::kSoftware);
  EXPECT_EQ(config.ptp.minor_version, 1);
  EXPECT_EQ(config.ptp.announce_interval, -2);
  EXPECT_EQ(config.ptp.delay_asymmetry, TimeDelta::FromNanos(-120));
  EXPECT_EQ(config.ptp.asymmetry_bound, TimeDelta::FromNanos(1500));
  EXPECT_THAT(
      config.ptp.allowed_masters,
      ElementsAre(0x001122fffe334455u, 0x001122fffe334456u, 0x001122fffe334457u));
  EXPECT_EQ(config.utc.policy, UtcPolicy::kPin);
  EXPECT_EQ(config.utc.pin, 37);
  EXPECT_EQ(config.utc.arbitrary_timescale, ArbitraryTimescale::kTai);
  EXPECT_EQ(config.output.max_error, TimeDelta::FromMicros(250));
  EXPECT_EQ(config.output.rate, 0.5);
  ASSERT_THAT(config.output.shm, SizeIs(2));
  EXPECT_EQ(config.output.shm[0].unit, 12);
  EXPECT_EQ(config.output.shm[0].mode, 0666);
  EXPECT_EQ(config.output.shm[1].unit, 13);
  EXPECT_EQ(config.output.shm[1].mode, 0600);
  ASSERT_THAT(config.output.sock, SizeIs(1));
  EXPECT_EQ(config.output.sock[0].path, "/run/chrony.ptp.sock");
  EXPECT_EQ(config.realtime.priority, 50);
  EXPECT_TRUE(config.realtime.lock_memory);
}

TEST(LoadConfig, ShowsTheLineWithACaretAndWhatWouldBeRight) {
  EXPECT_THAT(Errors("[ptp]\ninterface = \"eth0\"\ndomain = 300\n"),
              ElementsAre("f.toml:3:10: domain 300 is out of range\n"
                          "    domain = 300\n"
                          "             ^ 0 to 255; most profiles use 0 to 127"));
}

TEST(LoadConfig, PutsTheCaretUnderItsCharacterBehindTabsAndUmlauts) {
  EXPECT_THAT(
      Errors("[ptp]\ninterface = \"eth0\"\n\tdomain =\t300 # ü\n"),
      ElementsAre(HasSubstr("\n    \tdomain =\t300 # ü\n    \t        \t^ 0 to")));
  EXPECT_THAT(
      Errors(WithInterface("output = {sock = [{path=\"ü\"}], rate = 99}\n")),
      ElementsAre(HasSubstr("\n                            ^ an absolute"),
                  HasSubstr("\n                                          ^ 0.01")));
}

TEST(LoadConfig, ReportsAllMistakesAtOnceInTheOrderOfTheFile) {
  EXPECT_THAT(
      Errors("[utc]\npolicy = \"pin\"\n[ptp]\ndomian = 3\ndelay = 4\n"
             "[output]\nmax_error = 1\n",
             {"realtime.priority=100"}),
      ElementsAre(StartsWith("f.toml:2:10: policy \"pin\" without a pin"),
                  StartsWith("f.toml:4:1: unknown key ptp.domian"),
                  StartsWith("f.toml:5:9: delay must be a word"),
                  StartsWith("f.toml:7:13: max_error 1 has no unit"),
                  StartsWith("f.toml: no interface is given"),
                  StartsWith("--set realtime.priority=100: priority 100 is out")));
}

TEST(LoadConfig, SuggestsTheNearestKey) {
  EXPECT_THAT(Errors(WithInterface("ptp.domian = 1")),
              ElementsAre(AllOf(HasSubstr("unknown key ptp.domian"),
                                HasSubstr("did you mean ptp.domain?"))));
  EXPECT_THAT(Errors(WithInterface("domain = 1")),
              ElementsAre(HasSubstr("did you mean ptp.domain?")));
  EXPECT_THAT(Errors(WithInterface("[outptu]\nrate = 1")),
              ElementsAre(HasSubstr("did you mean output?")));
  EXPECT_THAT(Errors(WithInterface("[ptp.clock]\nx = 1")),
              ElementsAre(AllOf(HasSubstr("unknown key ptp.clock"),
                                HasSubstr("explain options"))));
}

TEST(LoadConfig, RefusesWhatThisVersionDoesNotDo) {
  EXPECT_THAT(Errors(absl::StrCat("role = \"boundary\"\n", kInterface)),
              ElementsAre(AllOf(HasSubstr("role \"boundary\" is not known"),
                                HasSubstr("\"client\" or \"companion\" or "
                                          "\"grandmaster\" or \"auto\""))));
  EXPECT_THAT(Errors(WithInterface("[ntp]\nenable = 1")),
              ElementsAre(HasSubstr("unknown key")));
  EXPECT_THAT(Errors(WithInterface("[ebpf]\nenable = \"on\"")),
              ElementsAre(AllOf(HasSubstr("enable \"on\" is not known"),
                                HasSubstr("\"off\" or \"auto\" or \"required\""))));
}

TEST(Companion, NeedsNoInterface) {
  const Config config = Good("role = \"companion\"\n");
  EXPECT_EQ(config.role, Role::kCompanion);
  EXPECT_EQ(config.ptp.interface, "");
  EXPECT_EQ(config.companion.socket, "auto");
}

TEST(Companion, LeavesToPtp4lWhatIsPtp4ls) {
  EXPECT_THAT(
      Errors("role = \"companion\"\n[ptp]\ninterface = \"eth0\"\ntransport = \"udp4\"\n"
             "delay = \"e2e\"\ndelay_asymmetry = \"1us\"\nmax_clock_class = 7\n"),
      ElementsAre(
          AllOf(StartsWith("f.toml:4:13: transport has no effect in a companion"),
                HasSubstr("ptp4l.conf says it")),
          StartsWith("f.toml:6:19: delay_asymmetry has no effect")))
      << "what is at its default, and what has meaning, is taken";
  EXPECT_THAT(Errors(WithInterface("[companion]\nsocket = \"/run/p\"\n")),
              ElementsAre(AllOf(HasSubstr("socket has no effect without role"),
                                HasSubstr("role = \"companion\""))));
}

TEST(Companion, HasAPortForEachPtp4lBySocket) {
  constexpr char kHead[] = "role = \"companion\"\n";
  const auto port = [](const char* socket, int unit) {
    return absl::StrCat("[[port]]\n[port.companion]\nsocket = \"", socket,
                        "\"\n[[port.output.shm]]\nunit = ", unit, "\n");
  };
  const std::vector<Config> ports =
      PortConfigs(Good(absl::StrCat(kHead, port("/run/a", 2), port("/run/b", 3))));
  ASSERT_EQ(ports.size(), 2u);
  EXPECT_EQ(ports[0].companion.socket, "/run/a");
  EXPECT_EQ(ports[1].companion.socket, "/run/b");
  EXPECT_THAT(Errors(absl::StrCat(kHead, port("/run/a", 2), port("/run/a", 3))),
              ElementsAre(HasSubstr("socket \"/run/a\" is given twice")));
  EXPECT_THAT(Errors(absl::StrCat(kHead, port("/run/a", 2), port("auto", 3))),
              ElementsAre(HasSubstr("which ptp4l is this port's?")));
}

// ---- Roles grandmaster and auto.

std::string Grandmaster(std::string text) {
  return absl::StrCat("role = \"grandmaster\"\n", kInterface, text);
}
std::string Auto(std::string text) {
  return absl::StrCat("role = \"auto\"\n", kInterface, text);
}

TEST(Grandmaster, NeedsNothingButAnInterfaceAndFeedsNothing) {
  const Config config = Good(Grandmaster(""));
  EXPECT_EQ(config.role, Role::kGrandmaster);
  EXPECT_EQ(config.grandmaster.source, GrandmasterSource::kSystem);
  EXPECT_EQ(config.grandmaster.one_step, OneStepUse::kOff);
  EXPECT_EQ(config.grandmaster.holdover, TimeDelta::FromSeconds(600));
  EXPECT_EQ(config.grandmaster.max_holdover_error, TimeDelta::FromMicros(1));
  EXPECT_EQ(config.gnss.gpsd, "");
  EXPECT_EQ(config.ptp.priority1, 128);
  EXPECT_THAT(config.output.shm, IsEmpty());
  EXPECT_THAT(config.output.sock, IsEmpty());
  EXPECT_THAT(Errors("role = \"grandmaster\"\n"),
              ElementsAre(HasSubstr("no interface is given")));
}

TEST(Grandmaster, ReadsEveryOptionOfItsOwn) {
  const Config config = Good(
      Grandmaster("ptp.sync_interval = -4\nptp.priority1 = 0\nptp.priority2 = 255\n"
                  "[grandmaster]\nsource = \"phc\"\nholdover = \"24h\"\n"
                  "max_holdover_error = \"250ns\"\none_step = \"auto\"\n"
                  "[gnss]\ngpsd = \"[::1]:2948\"\n"));
  EXPECT_EQ(config.grandmaster.one_step, OneStepUse::kAuto);
  EXPECT_EQ(config.ptp.sync_interval, -4);
  EXPECT_EQ(config.ptp.priority1, 0);
  EXPECT_EQ(config.ptp.priority2, 255);
  EXPECT_EQ(config.grandmaster.source, GrandmasterSource::kPhc);
  EXPECT_EQ(config.grandmaster.holdover, TimeDelta::FromSeconds(86400));
  EXPECT_EQ(config.grandmaster.max_holdover_error, TimeDelta::FromNanos(250));
  EXPECT_EQ(config.gnss.gpsd, "[::1]:2948");
  EXPECT_EQ(Good(Grandmaster(""), {"gnss.gpsd=localhost:2947"}).gnss.gpsd,
            "localhost:2947");
}

TEST(Grandmaster, TakesTheLimitsAndNothingBeyond) {
  Good(
      Grandmaster("ptp.sync_interval = 4\ngrandmaster.holdover = \"168h\"\n"
                  "grandmaster.max_holdover_error = \"1ns\"\n"));
  Good(
      Grandmaster("ptp.sync_interval = -7\ngrandmaster.holdover = \"0\"\n"
                  "grandmaster.max_holdover_error = \"1s\"\n"));
  const std::pair<const char*, const char*> kWrong[] = {
      {"ptp.sync_interval = 5", "sync_interval 5 is out of range"},
      {"ptp.sync_interval = -8", "-7 to 4"},
      {"ptp.priority1 = 256", "priority1 256 is out of range"},
      {"ptp.priority2 = -1", "priority2 -1 is out of range"},
      {"grandmaster.source = \"gnss\"", "\"system\" or \"phc\""},
      {"grandmaster.one_step = true", "one_step must be a word in quotes"},
      {"grandmaster.one_step = \"on\"", "\"off\" or \"auto\""},
      {"grandmaster.holdover = 600", "holdover 600 has no unit"},
      {"grandmaster.holdover = \"169h\"", "0ns to 168h"},
      {"grandmaster.holdover = \"-1s\"", "is out of range"},
      {"grandmaster.max_holdover_error = \"0s\"", "is out of range"},
      {"gnss.gpsd = 2947", "gpsd must be a place in quotes, not a whole number"},
  };
  for (const auto& [text, message] : kWrong) {
    EXPECT_THAT(Errors(Grandmaster(text)), ElementsAre(HasSubstr(message))) << text;
  }
}

TEST(Grandmaster, TellsAPlaceOfGpsdFromWhatIsNone) {
  for (const char* place : {"", "localhost", "localhost:2947", "[::1]", "192.0.2.1:1",
                            "[fe80::1]:65535:/dev/pps0", "h:2947:/dev/ttyS0"}) {
    EXPECT_EQ(Good(Grandmaster(absl::StrCat("gnss.gpsd = \"", place, "\""))).gnss.gpsd,
              place);
  }
  const std::pair<const char*, const char*> kWrong[] = {
      {":2947", "names no host"},
      {"[]:2947", "names no host"},
      {"::1", "names no host"},
      {"[::1", "lacks its ]"},
      {"[::1]2947", "behind ]"},
      {"h:", "no number from 1 to 65535"},
      {"h:0", "no number"},
      {"h:65536", "no number"},
      {"h:gpsd", "no number"},
      {"h:1:", "a device"},
      {"h:1:/dev/tty S0", "a device"},
      {"h:1:a\\\"b", "a device"},
  };
  for (const auto& [place, message] : kWrong) {
    EXPECT_THAT(Errors(Grandmaster(absl::StrCat("gnss.gpsd = \"", place, "\""))),
                ElementsAre(AllOf(StartsWith("f.toml:3:13: gpsd \""),
                                  HasSubstr(message), HasSubstr("localhost:2947"))))
        << place;
  }
}

TEST(Grandmaster, HasNoUseForWhatFollowsOrFeeds) {
  EXPECT_THAT(
      Errors("role = \"grandmaster\"\n[ptp]\ninterface = \"eth0\"\n"
             "delay_asymmetry = \"1us\"\nallowed_masters = [\"001122.fffe.334455\"]\n"
             "max_clock_class = \"auto\"\n[companion]\nsocket = \"/run/p\"\n"
             "[utc]\narbitrary_timescale = \"utc\"\npolicy = \"trust-grandmaster\"\n"
             "[output]\nmax_error = \"1us\"\n[[output.shm]]\n"
             "[[output.sock]]\npath = \"/run/x\"\n"),
      ElementsAre(
          AllOf(StartsWith("f.toml:4:19: delay_asymmetry has no effect in a "
                           "grandmaster, which follows nobody"),
                HasSubstr("role = \"auto\"")),
          StartsWith("f.toml:5:19: allowed_masters has no effect in a grandmaster"),
          AllOf(StartsWith("f.toml:8:10: socket has no effect without"),
                HasSubstr("role = \"companion\"; or")),
          StartsWith("f.toml:10:23: arbitrary_timescale has no effect in a"),
          AllOf(StartsWith("f.toml:11:10: a grandmaster has no other to trust"),
                HasSubstr("\"agree\" or \"pin\"")),
          StartsWith("f.toml:13:13: max_error has no effect in a grandmaster"),
          AllOf(StartsWith("f.toml:14:1: a grandmaster feeds no NTP daemon"),
                HasSubstr("role = \"auto\"")),
          StartsWith("f.toml:16:8: a grandmaster feeds no NTP daemon")))
      << "what is at its default is taken, but for an output";
}

TEST(Grandmaster, IsTheOnlyOneButAutoWithAUseForItsOptions) {
  constexpr char kOnes[] =
      "ptp.sync_interval = -1\nptp.priority1 = 1\n[grandmaster]\nsource = \"phc\"\n"
      "[gnss]\ngpsd = \"localhost\"\n";
  Good(Grandmaster(kOnes));
  Good(Auto(kOnes));
  EXPECT_THAT(
      Errors(WithInterface(kOnes)),
      ElementsAre(
          AllOf(StartsWith("f.toml:2:21: sync_interval has no effect without role = "
                           "\"grandmaster\" or \"auto\""),
                HasSubstr("or leave it out")),
          StartsWith("f.toml:3:17: priority1 has no effect without"),
          StartsWith("f.toml:5:10: source has no effect without"),
          StartsWith("f.toml:7:8: gpsd has no effect without")));
  EXPECT_THAT(Errors(absl::StrCat("role = \"companion\"\n", kOnes)),
              ElementsAre(HasSubstr("sync_interval has no effect in a companion"),
                          HasSubstr("priority1 has no effect in a companion"),
                          HasSubstr("source has no effect without role"),
                          HasSubstr("gpsd has no effect without role")));
}

TEST(Grandmaster, ServesAPhcOnlyWithStampsOfIt) {
  constexpr char kPhc[] = "[grandmaster]\nsource = \"phc\"\n[ptp]\ntimestamping = ";
  const std::string head = "role = \"grandmaster\"\n";
  for (const char* stamps : {"\"auto\"", "\"hardware\""}) {
    const Config config =
        Good(absl::StrCat(head, kPhc, stamps), {"ptp.interface=eth0"});
    EXPECT_EQ(config.ptp.timestamping, Timestamping::kHardware) << stamps;
    EXPECT_EQ(config.phc.mode, PhcMode::kObserve) << stamps;
  }
  const Config port = PortConfigs(Good(
      Auto("[grandmaster]\nsource = \"phc\"\n[[port]]\n[[port.output.shm]]\n")))[0];
  EXPECT_EQ(port.ptp.timestamping, Timestamping::kHardware);
  EXPECT_EQ(port.phc.mode, PhcMode::kObserve);
  EXPECT_THAT(Errors(absl::StrCat(head, kPhc, "\"software\""), {"ptp.interface=eth0"}),
              ElementsAre(AllOf(StartsWith("f.toml:3:10: source \"phc\" with software"),
                                HasSubstr("source = \"system\""))));
  EXPECT_THAT(Errors(Grandmaster("[grandmaster]\nsource = \"phc\"\n[[port]]\n"
                                 "timestamping = \"software\"\n")),
              ElementsAre(HasSubstr("source \"phc\" with software")));
}

TEST(Grandmaster, DoesNotSteerAPhcThatAnotherSteers) {
  constexpr char kPhc[] = "[grandmaster]\nsource = \"phc\"\n";
  Good(Grandmaster(absl::StrCat(kPhc, "[phc]\nmode = \"observe\"\n")));
  for (const char* text : {"[phc]\nmode = \"discipline\"\n",
                           "[[port]]\n[port.phc]\nmode = \"discipline\"\n"}) {
    EXPECT_THAT(
        Errors(Grandmaster(absl::StrCat(kPhc, text))),
        ElementsAre(AllOf(HasSubstr("mode \"discipline\" of a PHC that is served"),
                          HasSubstr("mode = \"observe\""))));
  }
  EXPECT_EQ(Good(Grandmaster("[phc]\nmode = \"discipline\"\n")).phc.mode,
            PhcMode::kDiscipline);
}

TEST(Grandmaster, HasOnePort) {
  const auto ports = [](const char* role, int count, const char* output) {
    std::string text = absl::StrCat("role = \"", role, "\"\n");
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&text, "[[port]]\ninterface = \"eth", i, "\"\npriority1 = 7\n");
      if (*output) absl::StrAppend(&text, output, "unit = ", i, "\n");
    }
    return text;
  };
  constexpr char kOutput[] = "[[port.output.shm]]\n";
  EXPECT_EQ(PortConfigs(Good(ports("grandmaster", 1, "")))[0].ptp.priority1, 7);
  EXPECT_EQ(PortConfigs(Good(ports("auto", 1, kOutput)))[0].output.shm[0].unit, 0);
  EXPECT_THAT(Errors(ports("grandmaster", 2, "")),
              ElementsAre(AllOf(StartsWith("f.toml:5:1: a grandmaster has one port"),
                                HasSubstr("a refclockd of its own"))));
  EXPECT_THAT(Errors(ports("auto", 2, kOutput)),
              ElementsAre(StartsWith("f.toml:7:1: a grandmaster has one port")));
  EXPECT_THAT(Errors(ports("grandmaster", 1, kOutput)),
              ElementsAre(HasSubstr("f.toml:6:8: a grandmaster feeds no NTP daemon")));
}

TEST(Auto, HasTheOptionsOfBothAndFeedsUnit2) {
  const Config config = Good(
      Auto("ptp.max_clock_class = 7\nptp.delay_asymmetry = \"5ns\"\n"
           "utc.policy = \"trust-grandmaster\"\nutc.arbitrary_timescale = \"utc\"\n"));
  EXPECT_EQ(config.role, Role::kAuto);
  ASSERT_THAT(config.output.shm, SizeIs(1));
  EXPECT_EQ(config.output.shm[0].unit, 2);
  EXPECT_EQ(Good(Auto("[[output.shm]]\nunit = 12\n")).output.shm[0].unit, 12);
  EXPECT_THAT(Errors(Auto("[companion]\nsocket = \"/run/p\"\n")),
              ElementsAre(HasSubstr("socket has no effect without role")));
}

TEST(MaxClockClass, IsAutoUnlessItIsSaid) {
  EXPECT_FALSE(Good(Auto("")).ptp.max_clock_class);
  EXPECT_FALSE(Good(Auto("ptp.max_clock_class = \"auto\"\n")).ptp.max_clock_class);
  EXPECT_EQ(Good(Auto("ptp.max_clock_class = 255\n")).ptp.max_clock_class, 255);
  for (const char* wrong : {"256", "-1", "\"any\"", "6.5"}) {
    EXPECT_THAT(Errors(Auto(absl::StrCat("ptp.max_clock_class = ", wrong, "\n"))),
                ElementsAre(HasSubstr("\"auto\" or 0 to 255; 6 = locked")));
  }
}

TEST(LoadConfig, ReportsASyntaxErrorOnceAtItsPlace) {
  EXPECT_THAT(Errors("[ptp]\ninterface = eth0\n"),
              ElementsAre(AllOf(StartsWith("f.toml:2:13: "), HasSubstr("not TOML"))));
}

TEST(LoadConfig, ReportsAKeyThatIsGivenTwice) {
  EXPECT_THAT(Errors("[ptp]\ninterface = \"a\"\ninterface = \"b\"\n"),
              ElementsAre(AllOf(StartsWith("f.toml:3:"), HasSubstr("interface"))));
}

TEST(LoadConfig, StillJudgesSetsWhenTheFileIsNotToml) {
  EXPECT_THAT(Errors("?", {"ptp.domain=x"}),
              ElementsAre(HasSubstr("f.toml:1:1"), HasSubstr("--set ptp.domain=x")));
}

TEST(LoadConfig, RefusesWrongTypes) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"ptp.domain = \"1\"", "domain must be a whole number, not a word"},
      {"ptp.domain = 1.0",
       "domain must be a whole number, not a number with a fraction"},
      {"ptp.domain = 1979-05-27", "domain must be a whole number, not a date or time"},
      {"ptp.domain = {}", "domain must be a whole number, not a table"},
      {"ptp.transport = true", "transport must be a word in quotes, not true or false"},
      {"ptp.allowed_masters = \"x\"", "allowed_masters must be a list"},
      {"ptp.allowed_masters = [[1]]", "a list is not a clock identity"},
      {"ptp.allowed_masters = [\"0x12\"]", "\"0x12\" is not a clock identity"},
      {"ptp.minor_version = \"2019\"", "minor_version must be"},
      {"ptp.asymmetry_bound = 3", "asymmetry_bound 3 has no unit"},
      {"output.rate = \"1\"", "rate must be a number"},
      {"realtime.lock_memory = \"true\"", "lock_memory must be true or false"},
      {"status.socket = 1", "socket must be a path"},
      {"status = 1", "status is a section"},
      {"role = 1", "role must be a word in quotes"},
      {"output.shm = {unit = 3}", "output.shm is a list of tables"},
      {"output.shm = [3]", "output.shm is a list of tables"},
  };
  for (const auto& [text, message] : kWrong) {
    EXPECT_THAT(Errors(WithInterface(text)), ElementsAre(HasSubstr(message))) << text;
  }
}

TEST(LoadConfig, RefusesValuesOutOfRange) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"ptp.domain = -1", "domain -1 is out of range"},
      {"ptp.domain = 9223372036854775807",
       "domain 9223372036854775807 is out of range"},
      {"ptp.minor_version = 2", "minor_version 2 is out of range"},
      {"ptp.announce_receipt_timeout = 1",
       "announce_receipt_timeout 1 is out of range"},
      {"ptp.delay_asymmetry = \"2s\"", "delay_asymmetry \"2s\" is out of range"},
      {"ptp.asymmetry_bound = \"-1ns\"", "asymmetry_bound \"-1ns\" is out of range"},
      {"ptp.transport = \"l3\"", "transport \"l3\" is not known"},
      {"output.max_error = \"0ns\"", "max_error \"0ns\" is out of range"},
      {"output.max_error = \"inf\"", "max_error \"inf\" is out of range"},
      {"output.max_error = \"1 parsec\"", "is not a duration"},
      {"output.rate = 0", "rate 0 is out of range"},
      {"output.rate = nan", "rate nan is out of range"},
      {"output.shm = [{unit = 218}]", "unit 218 is out of range"},
      {"output.shm = [{unit = -1}]", "gpsd"},
      {"output.shm = [{mode = 600}]", "mode 600 is not a mode"},
      {"output.shm = [{mode = 0o400}]", "is not a mode"},
      {"output.shm = [{mode = 0o777}]", "is not a mode"},
      {"output.shm = [{mode = 0o602}]", "is not a mode"},
      {"output.sock = [{path = \"chrony.sock\"}]", "does not start with \"/\""},
      {"output.sock = [{path = \"/a\\u0000b\"}]", "zero octet"},
      {"utc.pin = 9", "pin 9 is out of range"},
      {"realtime.priority = 100", "priority 100 is out of range"},
  };
  for (const auto& [text, message] : kWrong) {
    EXPECT_THAT(Errors(WithInterface(text)), ElementsAre(HasSubstr(message))) << text;
  }
}

TEST(LoadConfig, TakesTheLimitsThemselves) {
  Good(
      WithInterface("ptp.domain = 255\noutput.shm = [{unit = 217}, {unit = 0}]\n"
                    "output.rate = 16\noutput.max_error = \"10s\""));
  const std::string longest = "/" + std::string(106, 'x');
  Good(WithInterface(absl::StrCat("status.socket = \"", longest, "\"")));
  EXPECT_THAT(Errors(WithInterface(absl::StrCat("status.socket = \"", longest, "x\""))),
              ElementsAre(HasSubstr("too long: 108 octets")));
}

TEST(LoadConfig, KnowsWhatTheKernelTakesForAnInterfaceName) {
  Good("ptp.interface = \"abcdefghij12345\"");
  Good("ptp.interface = \"eth0.100\"");
  for (const char* name : {"", "abcdefghij123456", "a/b", "a b", "eth0:1", ".", ".."}) {
    EXPECT_THAT(Errors(absl::StrCat("ptp.interface = \"", name, "\"")),
                ElementsAre(HasSubstr(absl::StrCat("interface \"", name, "\""))));
  }
}

TEST(LoadConfig, WantsAPinExactlyWithPolicyPin) {
  EXPECT_THAT(Errors(WithInterface("utc.policy = \"pin\"")),
              ElementsAre(HasSubstr("f.toml:2:14: policy \"pin\" without a pin")));
  EXPECT_THAT(Errors(WithInterface("utc.pin = 37")),
              ElementsAre(HasSubstr("f.toml:2:11: pin has no effect")));
}

TEST(LoadConfig, RefusesAnOutputThatIsGivenTwice) {
  EXPECT_THAT(
      Errors(WithInterface("[[output.shm]]\nunit = 4\n[[output.shm]]\nunit = 4")),
      ElementsAre(StartsWith("f.toml:5:8: unit 4 is given twice")));
  EXPECT_THAT(Errors(WithInterface("[[output.shm]]\nmode = 0o666\n[[output.shm]]")),
              ElementsAre(StartsWith("f.toml:4:1: unit 2 is given twice")));
  EXPECT_THAT(Errors(WithInterface("[[output.sock]]\npath=\"/x\"\n[[output.sock]]\n"
                                   "path=\"/x\"")),
              ElementsAre(StartsWith("f.toml:5:6: path \"/x\" is given twice")));
  EXPECT_THAT(Errors(WithInterface("[[output.sock]]")),
              ElementsAre(StartsWith("f.toml:2:1: an output.sock without a path")));
}

TEST(LoadConfig, FeedsNoDefaultUnitWhenASockIsAskedFor) {
  const Config config = Good(WithInterface("[[output.sock]]\npath = \"/run/x.sock\""));
  EXPECT_THAT(config.output.shm, IsEmpty());
  EXPECT_THAT(config.output.sock, SizeIs(1));
}

TEST(LoadConfig, LetsSetsWinOverTheFileAndOverEarlierSets) {
  const Config config =
      Good(WithInterface("ptp.domain = 1"),
           {"ptp.domain=2", "ptp.domain=3", "ptp.interface=eth1", "ptp.transport=udp4",
            "output.max_error=5us", "ptp.allowed_masters=[\"001122.fffe.334455\"]"});
  EXPECT_EQ(config.ptp.domain, 3);
  EXPECT_EQ(config.ptp.interface, "eth1");
  EXPECT_EQ(config.ptp.transport, Transport::kUdp4);
  EXPECT_EQ(config.output.max_error, TimeDelta::FromMicros(5));
  EXPECT_THAT(config.ptp.allowed_masters, SizeIs(1));
}

TEST(LoadConfig, MakesOneOutputOfASet) {
  const char* kTwo =
      "[[output.shm]]\nunit = 4\nmode = 0o666\n[[output.shm]]\nunit = 5\n";
  const Config config = Good(WithInterface(kTwo), {"output.shm.unit=12"});
  ASSERT_THAT(config.output.shm, SizeIs(1));
  EXPECT_EQ(config.output.shm[0].unit, 12);
  EXPECT_EQ(config.output.shm[0].mode, 0666);

  const Config both = Good(kInterface, {"output.shm.unit=12", "output.shm.mode=0o666"});
  ASSERT_THAT(both.output.shm, SizeIs(1));
  EXPECT_EQ(both.output.shm[0].unit, 12);
  EXPECT_EQ(both.output.shm[0].mode, 0666);

  const Config sock = Good(kInterface, {"output.sock.path=/tmp/x.sock"});
  EXPECT_THAT(sock.output.shm, IsEmpty());
  ASSERT_THAT(sock.output.sock, SizeIs(1));
  EXPECT_EQ(sock.output.sock[0].path, "/tmp/x.sock");
}

TEST(LoadConfig, ReportsASetThatIsNone) {
  EXPECT_THAT(Errors(kInterface, {"ptp.domain"}),
              ElementsAre(AllOf(HasSubstr("no value"), HasSubstr("ptp.domain=VALUE"))));
  EXPECT_THAT(Errors(kInterface, {"ptp.domian=3"}),
              ElementsAre(HasSubstr("did you mean ptp.domain?")));
  EXPECT_THAT(Errors(kInterface, {"=3"}), SizeIs(1));
  EXPECT_THAT(Errors(kInterface, {"ptp.domain=3\n[utc]\npin=37"}), SizeIs(1));
}

// Found by fuzzing: such a name could not be written into a trace.
TEST(LoadConfig, RefusesASetThatIsNotUtf8) {
  EXPECT_THAT(Errors("", {"ptp.interface=eth0\xfb\xff"}),
              Contains(HasSubstr("--set is not UTF-8")));
}

// ---- Several ports.

constexpr char kTwoPorts[] = R"([ptp]
delay = "p2p"
domain = 5
[[port]]
interface = "eth0"
[[port.output.shm]]
unit = 2
[[port]]
interface = "eth1"
domain = 24
[port.phc]
mode = "observe"
device = "/dev/ptp3"
[[port.output.shm]]
unit = 3
mode = 0o666
[[port.output.sock]]
path = "/run/chrony.eth1.sock"
[output]
max_error = "50us"
)";

// A file of two ports that are good but for what is written into the second one.
std::vector<std::string> ErrorsOfASecondPort(std::string text,
                                             std::vector<std::string> sets = {}) {
  return Errors(absl::StrCat("[[port]]\ninterface = \"eth0\"\n[[port.output.shm]]\n"
                             "unit = 2\n[[port]]\n",
                             text),
                std::move(sets));
}

TEST(PortConfigs, IsTheConfigurationItselfWithoutPorts) {
  const Config config = Good(kInterface);
  const auto configs = PortConfigs(config);
  ASSERT_THAT(configs, SizeIs(1));
  EXPECT_EQ(ConfigText(configs[0]), ConfigText(config));
}

TEST(PortConfigs, OverridesPtpAndPhcAndHasOutputsOfItsOwn) {
  const auto configs = PortConfigs(Good(kTwoPorts));
  ASSERT_THAT(configs, SizeIs(2));
  for (const Config& config : configs) {
    EXPECT_THAT(config.ports, IsEmpty());
    EXPECT_EQ(config.ptp.delay, DelayChoice::kP2P);
    EXPECT_EQ(config.output.max_error, TimeDelta::FromMicros(50));
    ASSERT_THAT(config.output.shm, SizeIs(1));
  }
  EXPECT_EQ(configs[0].ptp.interface, "eth0");
  EXPECT_EQ(configs[0].ptp.domain, 5);
  EXPECT_EQ(configs[0].phc.mode, PhcMode::kDiscipline);
  EXPECT_EQ(configs[0].output.shm[0].unit, 2);
  EXPECT_THAT(configs[0].output.sock, IsEmpty());
  EXPECT_EQ(configs[1].ptp.interface, "eth1");
  EXPECT_EQ(configs[1].ptp.domain, 24);
  EXPECT_EQ(configs[1].phc.mode, PhcMode::kObserve);
  EXPECT_EQ(configs[1].phc.device, "/dev/ptp3");
  EXPECT_EQ(configs[1].output.shm[0].unit, 3);
  EXPECT_EQ(configs[1].output.shm[0].mode, 0666);
  ASSERT_THAT(configs[1].output.sock, SizeIs(1));
  EXPECT_EQ(configs[1].output.sock[0].path, "/run/chrony.eth1.sock");
}

TEST(PortConfigs, AreWhatATraceKeepsOfEachPort) {
  for (const Config& config : PortConfigs(Good(kTwoPorts))) {
    EXPECT_EQ(ConfigText(Good(ConfigText(config))), ConfigText(config));
  }
}

TEST(Ports, TakeWhatSetSaysOfPtpAsTheirDefault) {
  const auto configs =
      PortConfigs(Good(kTwoPorts, {"ptp.domain=7", "output.max_error=9us"}));
  ASSERT_THAT(configs, SizeIs(2));
  EXPECT_EQ(configs[0].ptp.domain, 7);
  EXPECT_EQ(configs[1].ptp.domain, 24);  // Its own.
  EXPECT_EQ(configs[0].output.max_error, TimeDelta::FromMicros(9));
}

TEST(Ports, SayWhereToWriteWhatSetCannotReach) {
  EXPECT_THAT(Errors(kTwoPorts, {"port.domain=7"}),
              ElementsAre(AllOf(HasSubstr("does not reach into a [[port]]"),
                                HasSubstr("into the file"))));
  EXPECT_THAT(Errors(kTwoPorts, {"ptp.interface=eth2"}),
              ElementsAre(AllOf(StartsWith("--set ptp.interface=eth2: no effect"),
                                HasSubstr("every [[port]] has its own interface"))));
  EXPECT_THAT(
      Errors(kTwoPorts, {"output.shm.unit=7"}),
      ElementsAre(AllOf(StartsWith("--set output.shm.unit=7: output.shm beside"),
                        HasSubstr("[[port.output.shm]], below"))));
}

TEST(Ports, DoNotGoWithOutputsOutsideOfThem) {
  EXPECT_THAT(
      Errors(absl::StrCat(kTwoPorts,
                          "[[output.shm]]\nunit = 12\n[[output.sock]]\n"
                          "path = \"/run/x.sock\"\n")),
      ElementsAre(AllOf(StartsWith("f.toml:22:8: output.shm beside [[port]]"),
                        HasSubstr("[[port.output.shm]], below the [[port]]")),
                  AllOf(StartsWith("f.toml:24:8: output.sock beside [[port]]"),
                        HasSubstr("[[port.output.sock]], below the [[port]]"))));
}

TEST(Ports, NeedAnInterfaceAndAnOutputEach) {
  EXPECT_THAT(ErrorsOfASecondPort(""),
              ElementsAre(StartsWith("f.toml:5:1: this port has no interface"),
                          AllOf(StartsWith("f.toml:5:1: this port has no output"),
                                HasSubstr("[[port.output.shm]]"))));
  // The interface of [ptp] is the default.
  EXPECT_THAT(ErrorsOfASecondPort("domain = 1\n[port.phc]\nmode = \"observe\"\n"
                                  "[[port.output.shm]]\nunit = 3\n",
                                  {"ptp.interface=eth0"}),
              IsEmpty());
}

TEST(Ports, MayNotFeedOneOutputTwice) {
  EXPECT_THAT(ErrorsOfASecondPort("interface = \"eth1\"\n[[port.output.shm]]\n"),
              ElementsAre(AllOf(StartsWith("f.toml:7:1: unit 2 is given twice"),
                                HasSubstr("[[port.output.shm]] for each"))));
  EXPECT_THAT(ErrorsOfASecondPort("interface = \"eth1\"\n[[port.output.sock]]\npath = "
                                  "\"/x\"\n[[port]]\ninterface = \"eth2\"\n"
                                  "[[port.output.sock]]\npath = \"/x\"\n"),
              ElementsAre(StartsWith("f.toml:12:8: path \"/x\" is given twice")));
  EXPECT_THAT(ErrorsOfASecondPort("interface = \"eth1\"\n[[port.output.sock]]\n"),
              ElementsAre(StartsWith("f.toml:7:1: an output.sock without a path")));
}

TEST(Ports, DifferInInterfaceOrDomain) {
  constexpr char kOutput[] = "[[port.output.shm]]\nunit = 3\n";
  EXPECT_THAT(
      ErrorsOfASecondPort(absl::StrCat("interface = \"eth0\"\n", kOutput)),
      ElementsAre(AllOf(StartsWith("f.toml:6:13: domain 0 on eth0 is given twice"),
                        HasSubstr("differ in interface or in domain"))));
  EXPECT_THAT(
      ErrorsOfASecondPort(absl::StrCat("interface = \"eth1\"\ndomain = 0\n", kOutput)),
      IsEmpty());
}

TEST(Ports, OfOneInterfaceAgreeOnTimestamping) {
  EXPECT_THAT(ErrorsOfASecondPort("interface = \"eth0\"\ndomain = 1\ntimestamping = "
                                  "\"software\"\n[[port.output.shm]]\nunit = 3\n"),
              ElementsAre(StartsWith(
                  "f.toml:8:16: ports on eth0 disagree about timestamping")));
}

TEST(Ports, AreAtMostEight) {
  const auto ports = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&text, "[[port]]\ninterface = \"eth", i,
                      "\"\n[[port.output.shm]]\nunit = ", i, "\n");
    }
    return text;
  };
  EXPECT_THAT(Good(ports(8)).ports, SizeIs(8));
  EXPECT_THAT(Errors(ports(10)),
              ElementsAre(StartsWith("f.toml:33:1: 10 ports are too many")));
}

TEST(Ports, ReportMistakesAtTheirPlaceWithAllOthers) {
  EXPECT_THAT(
      ErrorsOfASecondPort("interface = \"eth1\"\ndomian = 3\nmode = \"observe\"\n"
                          "rate = 2\ndelay = 4\nsocket = 1\nzz = 1\n[port.phc]\n"
                          "mode = \"x\"\n[port.utc]\npin = 40\n[[port.output.shm]]\n"
                          "unit = 218\n[ptp]\ndomain = 300\n"),
      ElementsAre(HasSubstr("did you mean port.domain?"),
                  HasSubstr("did you mean port.phc.mode?"),
                  AllOf(StartsWith("f.toml:9:1: unknown key port.rate"),
                        HasSubstr("output.rate is common to all ports")),
                  StartsWith("f.toml:10:9: delay must be a word"),
                  HasSubstr("did you mean port.companion.socket?"),
                  HasSubstr("explain options"),
                  StartsWith("f.toml:14:8: mode \"x\" is not known"),
                  HasSubstr("utc is common to all ports: outside of [[port]]"),
                  StartsWith("f.toml:18:8: unit 218 is out of range"),
                  StartsWith("f.toml:20:10: domain 300 is out of range")));
}

TEST(Ports, AreSuggestedWhereTheirNameIsAlmostRight) {
  EXPECT_THAT(Errors(WithInterface("[[ports]]\ndomain = 3")),
              ElementsAre(HasSubstr("did you mean port?")));
  EXPECT_THAT(
      ErrorsOfASecondPort("interface = \"eth1\"\n[[port.output.shm]]\nunit = 3\n"
                          "[port.ptp]\ndomain = 3\n"),
      ElementsAre(AllOf(HasSubstr("unknown key port.ptp"),
                        HasSubstr("stand in [[port]] itself"))));
}

TEST(Ports, AreAListOfTables) {
  for (const char* text :
       {"port = 3", "port = []", "port = [1]", "[port]\ndomain = 3"}) {
    EXPECT_THAT(Errors(text), ElementsAre(AllOf(HasSubstr("port is a list of tables"),
                                                HasSubstr("[[port]]"))))
        << text;
  }
  EXPECT_THAT(ErrorsOfASecondPort("interface = \"eth1\"\nphc = 3\n[port.output]\n"
                                  "shm = 3\n"),
              ElementsAre(HasSubstr("port.phc is a section"),
                          HasSubstr("port.output.shm is a list of tables")));
}

// ---- ConfigText.

TEST(ConfigText, IsEmptyButForTheOutputsOfADefaultConfiguration) {
  EXPECT_EQ(ConfigText(Config()), "");
  EXPECT_EQ(ConfigText(Good("[ptp]\ninterface = \"eth0\"")),
            "[ptp]\ninterface = \"eth0\"\n"
            "[[output.shm]]\nunit = 2\nmode = 0o600\n");
}

TEST(ConfigText, GivesTheSameConfigurationAgain) {
  const Config config = Good(
      "[ptp]\ninterface = \"e\\\"\\u00e9\\\\'\"\ntransport = \"udp6\"\ndelay = "
      "\"p2p\"\n"
      "domain = 24\ntimestamping = \"software\"\nminor_version = 1\n"
      "announce_interval = -2\ndelay_interval = 3\nannounce_receipt_timeout = 4\n"
      "delay_asymmetry = \"-234.567891ms\"\nasymmetry_bound = \"17ns\"\n"
      "allowed_masters = [\"001122.fffe.334455\", \"0x0000000000000001\"]\n"
      "max_clock_class = 7\nmax_clock_accuracy = 0x23\n"
      "ingress_latency = \"13ns\"\negress_latency = \"-17ns\"\n"
      "[phc]\ndevice = \"/dev/ptp1\"\nmode = \"observe\"\n"
      "[utc]\npolicy = \"pin\"\npin = 40\nleap_file = \"\"\n"
      "arbitrary_timescale = \"tai\"\n"
      "[output]\nmax_error = \"2.5us\"\nrate = 0.3333333333333333\n"
      "[[output.shm]]\nunit = 7\n[[output.shm]]\nunit = 4\nmode = 0o666\n"
      "[[output.sock]]\npath = \"/run/a\\u0001\"\n[[output.sock]]\npath = \"/" +
      std::string(100, 'x') +
      "\"\n[status]\nsocket = \"/s\"\n[ebpf]\nenable = \"auto\"\n"
      "[realtime]\npriority = 5\nlock_memory = true\n");
  // Every option has another value than its default, so that none goes untested;
  // but for those of the other role, below.
  for (const Option& option : Options()) {
    const absl::string_view key = option.key;
    if (key == "role" || !MattersTo(Role::kClient, option)) continue;
    EXPECT_NE(option.get(config), option.Default()) << option.key;
  }
  const std::string text = ConfigText(config);
  const Config again = Good(text);
  EXPECT_EQ(ConfigText(again), text);
  EXPECT_THAT(DescribeChanges(config, again), IsEmpty());
  EXPECT_EQ(again.output.rate, config.output.rate);
  EXPECT_EQ(again.output.sock[1].path, config.output.sock[1].path);
}

TEST(ConfigText, GivesAGrandmasterAgain) {
  const Config grandmaster =
      Good(Grandmaster("ptp.sync_interval = -4\nptp.priority1 = 1\nptp.priority2 = 2\n"
                       "[grandmaster]\nsource = \"phc\"\nholdover = \"0s\"\n"
                       "max_holdover_error = \"250ns\"\none_step = \"auto\"\n"
                       "[gnss]\ngpsd = \"[::1]:2948:/dev/gps0\"\n"));
  int own = 0;
  for (const Option& option : Options()) {
    if (MattersTo(Role::kClient, option) || !MattersTo(Role::kGrandmaster, option)) {
      continue;
    }
    ++own;
    EXPECT_NE(option.get(grandmaster), option.Default()) << option.key;
  }
  EXPECT_EQ(own, 8);
  for (const Config& config :
       {grandmaster, Good(Grandmaster("")), Good(Auto("gnss.gpsd = \"h\"")),
        PortConfigs(
            Good("role = \"grandmaster\"\n[[port]]\ninterface = \"e\"\n"))[0]}) {
    const Config again = Good(ConfigText(config));
    EXPECT_EQ(ConfigText(again), ConfigText(config));
    EXPECT_THAT(DescribeChanges(config, again), IsEmpty());
    EXPECT_EQ(again.role, config.role);
    EXPECT_EQ(again.output.shm.size(), config.output.shm.size());
  }
}

TEST(ConfigText, GivesTheSamePortsAgainAlsoWhereTheyTakeBackWhatPtpSays) {
  const Config config = Good(absl::StrCat(
      "[phc]\ndevice = \"/dev/ptp1\"\n", kTwoPorts,
      "[[port]]\ninterface = \"eth1\"\ndomain = 0\ndelay = \"e2e\"\n"
      "phc = {device = \"auto\"}\n[[port.output.sock]]\npath = \"/run/x.sock\"\n"));
  const Config again = Good(ConfigText(config));
  EXPECT_EQ(ConfigText(again), ConfigText(config));
  const auto before = PortConfigs(config);
  const auto after = PortConfigs(again);
  ASSERT_THAT(before, SizeIs(3));
  ASSERT_THAT(after, SizeIs(3));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(ConfigText(after[i]), ConfigText(before[i]));
  }
  EXPECT_EQ(after[2].phc.device, "auto");
  EXPECT_EQ(after[2].ptp.domain, 0);
  EXPECT_THAT(DescribeChanges(config, again), IsEmpty());
}

TEST(LoadConfig, DoesWithoutALeapFileWhenItIsEmpty) {
  EXPECT_EQ(Good("[ptp]\ninterface = \"eth0\"\n[utc]\nleap_file = \"\"").utc.leap_file,
            "");
  EXPECT_EQ(Good("[ptp]\ninterface = \"eth0\"", {"utc.leap_file="}).utc.leap_file, "");
}

TEST(DescribeChanges, NamesEachKeyThatDiffers) {
  const Config before = Good(kInterface);
  EXPECT_THAT(DescribeChanges(before, before), IsEmpty());
  const Config after =
      Good(kInterface, {"ptp.domain=24", "output.max_error=2ms", "output.shm.unit=12",
                        "utc.policy=pin", "utc.pin=37"});
  EXPECT_THAT(
      DescribeChanges(before, after),
      ElementsAre("ptp.domain: 0 -> 24", "utc.policy: \"agree\" -> \"pin\"",
                  "utc.pin: (none) -> 37", "output.max_error: \"1ms\" -> \"2ms\"",
                  "outputs: shm 2 mode 0o600 -> shm 12 mode 0o600"));
}

TEST(DescribeChanges, NamesThePort) {
  const Config before = Good(kTwoPorts);
  const Config after =
      Good(absl::StrCat(kTwoPorts,
                        "[[port]]\ninterface = \"eth2\"\n[[port.output.shm]]\n"
                        "unit = 4\n"),
           {"ptp.domain=6", "output.rate=2"});
  EXPECT_THAT(DescribeChanges(before, after),
              ElementsAre("port 1: ptp.domain: 5 -> 6", "output.rate: 1 -> 2",
                          "port 3: (none) -> eth2 domain 6, shm 4 mode 0o600"));
  EXPECT_THAT(DescribeChanges(after, before),
              ElementsAre("port 1: ptp.domain: 6 -> 5", "output.rate: 2 -> 1",
                          "port 3: eth2 domain 6, shm 4 mode 0o600 -> (none)"));
}

TEST(DescribeChanges, SeesNoneWhereTheOnlyPortMovesIntoATable) {
  EXPECT_THAT(
      DescribeChanges(Good(kInterface), Good("[[port]]\ninterface = \"eth0\"\n"
                                             "[[port.output.shm]]\nunit = 2\n")),
      IsEmpty());
}

}  // namespace
}  // namespace bridge
