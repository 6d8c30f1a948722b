#include "bridge/config/import_ptp4l.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bridge/config/ptp4l_options.h"
#include "bridge/time/release_leaps.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A client's file, with `lines` in [global].
std::string Client(absl::string_view lines) {
  return absl::StrCat("[global]\nslaveOnly 1\n", lines, "\n[eth0]\n");
}

Imported Import(std::string text, std::optional<std::string> phc2sys = std::nullopt,
                std::optional<Role> role = std::nullopt) {
  return ImportPtp4l({"f.conf", std::move(text), std::move(phc2sys), role, ""});
}

std::vector<std::string> Messages(const Imported& imported) {
  std::vector<std::string> messages;
  for (const ConfigError& problem : imported.problems) {
    messages.push_back(problem.ToString());
  }
  return messages;
}

// What the daemon makes of it.
Config Loaded(const Imported& imported) {
  const auto loaded = LoadConfig({"imported.toml", imported.toml, {}});
  const auto* config = std::get_if<Config>(&loaded);
  EXPECT_NE(config, nullptr) << imported.toml;
  EXPECT_EQ(imported.usable, config != nullptr);
  return config ? *config : Config{};
}

// Of something that loses nothing.
Config Good(std::string text, std::optional<std::string> phc2sys = std::nullopt,
            std::optional<Role> role = std::nullopt) {
  const Imported imported = Import(std::move(text), std::move(phc2sys), role);
  EXPECT_THAT(Messages(imported), IsEmpty());
  return Loaded(imported);
}

// ---- Client.

TEST(ImportClient, TakesPtp4lsDefaultsWhereTheyAreNotOurs) {
  const Config config = Good("[eth0]\n", "phc2sys -s eth0 -E ntpshm -w");
  EXPECT_EQ(config.role, Role::kClient);
  EXPECT_EQ(config.ptp.interface, "eth0");
  EXPECT_EQ(config.ptp.transport, Transport::kUdp4);
  EXPECT_EQ(config.ptp.timestamping, Timestamping::kAuto);
  ASSERT_THAT(config.output.shm, SizeIs(1));
  EXPECT_EQ(config.output.shm[0].unit, 0);
}

TEST(ImportClient, TranslatesWhatAClientObeys) {
  const Config config =
      Good(Client("domainNumber 24\nnetwork_transport UDPv6\n"
                  "delay_mechanism P2P\nlogMinPdelayReqInterval -2\n"
                  "logMinDelayReqInterval 3\nlogAnnounceInterval -3\n"
                  "announceReceiptTimeout 4\ntime_stamping onestep\n"
                  "ptp_minor_version 1\nclock_class_threshold 7\n"
                  "phc_index 2\nleapfile /etc/leaps"));
  EXPECT_EQ(config.ptp.domain, 24);
  EXPECT_EQ(config.ptp.transport, Transport::kUdp6);
  EXPECT_EQ(config.ptp.delay, DelayChoice::kP2P);
  EXPECT_EQ(config.ptp.delay_interval, -2);
  EXPECT_EQ(config.ptp.announce_interval, -3);
  EXPECT_EQ(config.ptp.announce_receipt_timeout, 4);
  EXPECT_EQ(config.ptp.timestamping, Timestamping::kHardware);
  EXPECT_EQ(config.ptp.minor_version, 1);
  EXPECT_EQ(config.ptp.max_clock_class, 7);
  EXPECT_EQ(config.phc.device, "/dev/ptp2");
  EXPECT_EQ(config.utc.leap_file, "/etc/leaps");
}

TEST(ImportClient, KeepsTheSignsOfAsymmetryAndLatencies) {
  const Config config =
      Good(Client("delayAsymmetry -150\ningressLatency 320\negressLatency 110"));
  EXPECT_EQ(config.ptp.delay_asymmetry, TimeDelta::FromNanos(-150));
  EXPECT_EQ(config.ptp.ingress_latency, TimeDelta::FromNanos(320));
  EXPECT_EQ(config.ptp.egress_latency, TimeDelta::FromNanos(110));
}

TEST(ImportClient, ObservesAClockThatPtp4lDidNotSteer) {
  EXPECT_EQ(Good(Client("")).phc.mode, PhcMode::kDiscipline);
  EXPECT_EQ(Good(Client("free_running 1")).phc.mode, PhcMode::kObserve);
  EXPECT_EQ(Good(Client("clock_servo nullf")).phc.mode, PhcMode::kObserve);
  EXPECT_EQ(Good(Client("free_running 1\ntime_stamping software")).phc.mode,
            PhcMode::kDiscipline);
}

TEST(ImportClient, FeedsWhatTheChainFed) {
  EXPECT_EQ(Good(Client("clock_servo ntpshm\nntpshm_segment 5")).output.shm[0].unit, 5);
  EXPECT_EQ(Good(Client("clock_servo ntpshm")).output.shm[0].unit, 0);
  EXPECT_EQ(Good(Client("")).output.shm[0].unit, 2);
  EXPECT_EQ(Good(Client("ntpshm_segment 5")).output.shm[0].unit, 5);
  const Config sock = Good(Client("clock_servo refclock_sock"));
  EXPECT_THAT(sock.output.shm, IsEmpty());
  EXPECT_EQ(sock.output.sock[0].path, "/var/run/refclock.ptp.sock");
  const Config phc2sys =
      Good(Client("ntpshm_segment 5"), "phc2sys -a -E ntpshm -M 0x0c -R 4");
  EXPECT_EQ(phc2sys.output.shm[0].unit, 12);
  EXPECT_EQ(phc2sys.output.rate, 4);
  EXPECT_EQ(Good(Client(""),
                 "phc2sys -a -r -E refclock_sock "
                 "--refclock_sock_address=/run/c.sock")
                .output.sock[0]
                .path,
            "/run/c.sock");
}

TEST(ImportClient, TakesOurUnitForOneThatCannotBe) {
  const Imported imported = Import(Client(""), "phc2sys -a -r -E ntpshm -M 218");
  EXPECT_EQ(Loaded(imported).output.shm[0].unit, 2);
  EXPECT_THAT(Messages(imported), ElementsAre(HasSubstr("unit 218 is out of range")));
}

TEST(ImportClient, FindsTheInterfaceWhereverItIsNamed) {
  EXPECT_EQ(Good("[global]\n", "phc2sys -s eth3 -E ntpshm").ptp.interface, "eth3");
  const Imported flag = ImportPtp4l({"f.conf", "[global]\n", std::nullopt, {}, "eth4"});
  EXPECT_EQ(Loaded(flag).ptp.interface, "eth4");
  const Imported both =
      ImportPtp4l({"f.conf", "[global]\n", "phc2sys -s eth4 -E ntpshm", {}, "eth4"});
  EXPECT_THAT(Messages(both), IsEmpty());
  const Imported other = ImportPtp4l({"f.conf", "[eth0]\n", std::nullopt, {}, "eth4"});
  EXPECT_THAT(Messages(other), ElementsAre(HasSubstr("names its interfaces itself")));
  EXPECT_EQ(Loaded(other).ptp.interface, "eth0");
  const Imported none = Import("[global]\n");
  EXPECT_FALSE(none.usable);
  EXPECT_THAT(Messages(none), ElementsAre(HasSubstr("--interface=eth0")));
}

TEST(ImportClient, TakesADeviceForTheClock) {
  const Config config = Good(Client(""), "phc2sys -s /dev/ptp1 -E ntpshm");
  EXPECT_EQ(config.ptp.interface, "eth0");
  EXPECT_EQ(config.phc.device, "/dev/ptp1");
}

TEST(ImportClient, MakesAPortOfEachInterfaceAndOnlyTheFirstSteersTheirClock) {
  const Config config =
      Good("[global]\nslaveOnly 1\n[eth0]\n[eth1]\nnetwork_transport L2\n",
           "phc2sys -a -r -E ntpshm -M 3");
  ASSERT_THAT(config.ports, SizeIs(2));
  EXPECT_EQ(config.ports[0].ptp.transport, Transport::kUdp4);
  EXPECT_EQ(config.ports[1].ptp.transport, Transport::kL2);
  EXPECT_EQ(config.ports[0].phc.mode, PhcMode::kDiscipline);
  EXPECT_EQ(config.ports[1].phc.mode, PhcMode::kObserve);
  EXPECT_EQ(config.ports[0].shm[0].unit, 3);
  EXPECT_EQ(config.ports[1].shm[0].unit, 4);
}

TEST(ImportClient, SaysWhichMechanismAutoBecame) {
  const Imported imported = Import(Client("delay_mechanism Auto"));
  EXPECT_EQ(Loaded(imported).ptp.delay, DelayChoice::kE2E);
  EXPECT_THAT(Messages(imported),
              ElementsAre(AllOf(StartsWith("f.conf:3:17: "), HasSubstr("Auto"))));
}

TEST(ImportClient, SaysWhatItCannotDoOfWhatWasAskedFor) {
  for (const char* line :
       {"transportSpecific 1", "unicast_master_table 1", "dataset_comparison G.8275.x",
        "udp_ttl 4", "spp 1", "ptp_dst_mac 01:80:C2:00:00:0E", "delay_mechanism NONE",
        "logMinDelayReqInterval -9", "delayAsymmetry 2000000000"}) {
    const Imported imported = Import(Client(line), std::nullopt, Role::kClient);
    EXPECT_THAT(Messages(imported), ElementsAre(StartsWith("f.conf:3:"))) << line;
    EXPECT_TRUE(imported.usable) << line;
  }
}

// ---- Companion.

TEST(ImportCompanion, IsWhatIsMadeOfAFileThatNeedsPtp4l) {
  EXPECT_EQ(Good("[eth0]\n[eth1]\n").role, Role::kCompanion);
  EXPECT_EQ(Good(Client("transportSpecific 1")).role, Role::kCompanion);
  EXPECT_EQ(Good(Client("hybrid_e2e 1")).role, Role::kCompanion);
  EXPECT_EQ(Good(Client("transportSpecific 0")).role, Role::kClient);
}

TEST(ImportCompanion, KeepsToWhatPhc2sysDid) {
  const Config config =
      Good(Client("domainNumber 24\nfree_running 1\nnetwork_transport L2\n"
                  "uds_address /run/p4\ndelayAsymmetry 5"),
           "phc2sys -s eth0 -w -n 24 -E ntpshm -M 7 -z /run/p4", Role::kCompanion);
  EXPECT_EQ(config.role, Role::kCompanion);
  EXPECT_EQ(config.companion.socket, "/run/p4");
  EXPECT_EQ(config.ptp.domain, 24);
  EXPECT_EQ(config.ptp.interface, "eth0");
  EXPECT_EQ(config.output.shm[0].unit, 7);
  EXPECT_EQ(config.phc.mode, PhcMode::kDiscipline);
  EXPECT_EQ(config.ptp.delay_asymmetry, TimeDelta());
  EXPECT_EQ(Good(Client(""), std::nullopt, Role::kCompanion).companion.socket, "auto");
}

TEST(ImportCompanion, SaysWhatIsWrongWithAPtp4lThatFeedsOrSteersItself) {
  const Imported feeds = Import(Client("clock_servo ntpshm\nntpshm_segment 2"),
                                std::nullopt, Role::kCompanion);
  EXPECT_THAT(Messages(feeds), ElementsAre(HasSubstr("feeds the NTP daemon itself")));
  EXPECT_NE(Loaded(feeds).output.shm[0].unit, 2);
  const Imported steers =
      Import(Client("time_stamping software"), std::nullopt, Role::kCompanion);
  EXPECT_THAT(Messages(steers), ElementsAre(HasSubstr("free_running 1")));
}

// ---- phc2sys.

TEST(ImportPhc2sys, PinsAnOffsetOfTheRightSignAndNoOther) {
  const int now = ReleaseLeaps().rows().back().offset;
  const auto line = [](int offset) {
    return absl::StrCat("phc2sys -s eth0 -E ntpshm -O ", offset);
  };
  const Config pinned = Good(Client(""), line(-now));
  EXPECT_EQ(pinned.utc.policy, UtcPolicy::kPin);
  EXPECT_EQ(pinned.utc.pin, now);
  for (const int offset : {0, now, 1 - now}) {
    const Imported imported = Import(Client(""), line(offset));
    EXPECT_EQ(Loaded(imported).utc.policy, UtcPolicy::kAgree) << offset;
    EXPECT_THAT(Messages(imported),
                ElementsAre(AllOf(HasSubstr("--phc2sys -O"), HasSubstr("wrong"))))
        << offset;
  }
}

TEST(ImportPhc2sys, NoticesThatItAsksAnotherDomain) {
  EXPECT_THAT(
      Messages(Import(Client("domainNumber 24"), "phc2sys -s eth0 -w -E ntpshm")),
      ElementsAre(AllOf(HasSubstr("asks domain 0"), HasSubstr("-n 24"))));
  EXPECT_THAT(Messages(Import(Client("domainNumber 24"), "phc2sys -s eth0 -E ntpshm")),
              IsEmpty());
}

TEST(ImportPhc2sys, NamesWhatItDidThatNobodyDoesNow) {
  const struct {
    const char* line;
    const char* what;
  } kCases[] = {{"phc2sys -s eth0 -w", "steers the system clock itself"},
                {"phc2sys -s eth0 -c eth1 -w", "steers no clock after another"},
                {"phc2sys -a -r -E ntpshm -f /etc/p.conf", "has not been read"},
                {"phc2sys -s eth0 -E ntpshm -d /dev/pps0", "reads no PPS device"},
                {"phc2sys -s eth7 -E ntpshm", "does not follow at that interface"},
                {"phc2sys -s eth0 -E ntpshm -R 256", "16 samples a second"},
                {"phc2sys -s eth0 -E ntpshm -R 0.001", "rate 0.001 is out of range"},
                {"phc2sys -s CLOCK_REALTIME -c eth0", "grandmaster's"}};
  for (const auto& c : kCases) {
    const Imported imported = Import(Client(""), c.line, Role::kClient);
    EXPECT_THAT(Messages(imported), ElementsAre(HasSubstr(c.what))) << c.line;
    EXPECT_TRUE(imported.usable) << c.line;
  }
}

TEST(ImportPhc2sys, MindsTheSecondRUnlessPtp4lIsAClientOnly) {
  EXPECT_THAT(Messages(Import("[eth0]\n", "phc2sys -a -rr -E ntpshm")),
              ElementsAre(HasSubstr("grandmaster role is not in this version")));
  EXPECT_THAT(Messages(Import(Client(""), "phc2sys -a -rr -E ntpshm")), IsEmpty());
}

// ---- Grandmaster.

TEST(ImportGrandmaster, BecomesCommentsUnlessARoleIsAskedFor) {
  for (const char* text :
       {"[global]\nclockClass 6\n[eth0]\n", "[global]\npriority1 1\n[eth0]\n",
        "[eth0]\nmasterOnly 1\n", "[global]\nserverOnly 1\n"}) {
    const Imported imported = Import(text);
    EXPECT_FALSE(imported.usable) << text;
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(imported.toml, '\n'))) {
      EXPECT_TRUE(line.empty() || line[0] == '#') << line;
    }
    EXPECT_THAT(Messages(imported),
                ElementsAre(AllOf(HasSubstr("this is a grandmaster"),
                                  HasSubstr("not in this version"))));
  }
  EXPECT_TRUE(
      Import("[global]\nclockClass 6\n[eth0]\n", std::nullopt, Role::kClient).usable);
  EXPECT_EQ(Good(Client("clockClass 6\npriority1 1")).role, Role::kClient);
}

// ---- Everything.

TEST(Import, SaysSoWhenTheTextIsNoPtp4lConf) {
  for (const char* text : {"role = \"client\"\n[ptp]\ninterface = \"eth0\"\n",
                           "\x7f\x45LF\n", "server ntp.example\n"}) {
    const Imported imported = Import(text);
    EXPECT_EQ(imported.toml, "") << text;
    ASSERT_THAT(Messages(imported), Not(IsEmpty())) << text;
    EXPECT_THAT(Messages(imported)[0], HasSubstr("no setting of ptp4l")) << text;
  }
  EXPECT_NE(Import("").toml, "");          // ptp4l takes an empty file,
  EXPECT_NE(Import("[eth0]\n").toml, "");  // and one without a setting.
}

TEST(Import, MentionsEveryLineThatSetsSomething) {
  std::string text = "[eth0]\n[global]\nslaveOnly 1\n";
  size_t lines = 3;
  for (const Ptp4lOption& option : Ptp4lOptions()) {
    if (!*option.fallback || absl::string_view(option.name) == "ts2phc.perout_phase" ||
        absl::string_view(option.name) == "clientOnly") {
      continue;
    }
    absl::StrAppend(&text, option.name, " ", option.fallback, "\n");
    ++lines;
  }
  ASSERT_GT(lines, 120u);
  const Imported imported = Import(text);
  EXPECT_THAT(Messages(imported), IsEmpty());
  EXPECT_TRUE(imported.usable);
  for (size_t line = 1; line <= lines; ++line) {
    if (line == 2) continue;  // [global]
    EXPECT_THAT(imported.toml, HasSubstr(absl::StrCat("line ", line, ": ")));
  }
}

// The least and the most that ptp4l takes, and each word.
std::vector<std::string> Extremes(const Ptp4lOption& option) {
  switch (option.kind) {
    case Ptp4lOption::Kind::kWord:
      return absl::StrSplit(option.words, ' ');
    case Ptp4lOption::Kind::kText:
      return {"x", "/x", std::string(900, 'y')};
    case Ptp4lOption::Kind::kWhole:
    case Ptp4lOption::Kind::kReal:
      return {absl::StrFormat("%.0f", std::ceil(option.low)),
              absl::StrFormat("%.0f", option.high)};
  }
  return {};
}

TEST(Import, GivesAFileThatIsTakenForEveryOptionAtItsLimits) {
  for (const Ptp4lOption& option : Ptp4lOptions()) {
    for (const std::string& value : Extremes(option)) {
      for (const Role role : {Role::kClient, Role::kCompanion}) {
        const std::string line = absl::StrCat(option.name, " ", value, "\n");
        const Imported imported =
            Import(absl::StrCat("[global]\n", line, "[eth0]\n"), std::nullopt, role);
        EXPECT_TRUE(imported.usable) << line;
        EXPECT_THAT(imported.toml, HasSubstr("line 2: ")) << line;
      }
    }
  }
}

// ---- Golden: the mistakes that published guides make, in files of our own.
// REFCLOCKD_UPDATE_GOLDEN=1 writes what is now said.

namespace fs = std::filesystem;

std::string Slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> GoldenConfs() {
  std::vector<fs::path> confs;
  for (const auto& entry : fs::directory_iterator(fs::path(REFCLOCKD_SOURCE_DIR) /
                                                  "tests" / "golden" / "import")) {
    if (entry.path().extension() == ".conf") confs.push_back(entry.path());
  }
  std::sort(confs.begin(), confs.end());
  return confs;
}

Imported ImportGolden(const fs::path& conf, std::string interface) {
  ImportRequest request{conf.filename().string(), Slurp(conf), std::nullopt,
                        std::nullopt, std::move(interface)};
  const fs::path line = fs::path(conf).replace_extension(".phc2sys");
  if (fs::exists(line)) {
    request.phc2sys = std::string(absl::StripTrailingAsciiWhitespace(Slurp(line)));
  }
  return ImportPtp4l(request);
}

void ExpectGolden(const fs::path& path, const std::string& text) {
  if (std::getenv("REFCLOCKD_UPDATE_GOLDEN")) std::ofstream(path) << text;
  EXPECT_EQ(text, Slurp(path)) << path;
}

TEST(ImportGolden, SaysTheSameOfTheMistakesOfPublishedGuides) {
  ASSERT_GE(GoldenConfs().size(), 11u);
  for (const fs::path& conf : GoldenConfs()) {
    const Imported imported = ImportGolden(conf, "");
    ExpectGolden(fs::path(conf).replace_extension(".toml"), imported.toml);
    std::string messages;
    for (const std::string& message : Messages(imported)) {
      absl::StrAppend(&messages, message, "\n");
    }
    ExpectGolden(fs::path(conf).replace_extension(".stderr"), messages);
  }
}

TEST(ImportGolden, IsTakenByTheDaemonAsSoonAsItHasAnInterface) {
  int taken = 0;
  for (const fs::path& conf : GoldenConfs()) {
    const Imported imported = ImportGolden(conf, "eth0");
    const bool master =
        imported.toml.find("# This is a grandmaster") != std::string::npos;
    EXPECT_EQ(imported.usable, !master) << conf;
    if (imported.usable) (void)Loaded(imported);
    taken += imported.usable;
  }
  EXPECT_GE(taken, 9);
}

}  // namespace
}  // namespace bridge
