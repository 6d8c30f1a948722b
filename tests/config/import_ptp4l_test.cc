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
      Good(Client("domainNumber 24\nnetwork_transport L2\nuds_address "
                  "/run/p4\ndelayAsymmetry 5"),
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
  EXPECT_THAT(Messages(steers), ElementsAre(HasSubstr("--role=client and no ptp4l")));
  for (const char* line : {"free_running 1", "clock_servo nullf"}) {
    EXPECT_THAT(Messages(Import(Client(line), std::nullopt, Role::kCompanion)),
                ElementsAre(HasSubstr("never becomes a SLAVE")));
  }
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
              ElementsAre(AllOf(HasSubstr("when this host is the master"),
                                HasSubstr("--role=auto"))));
  EXPECT_THAT(Messages(Import(Client(""), "phc2sys -a -rr -E ntpshm")), IsEmpty());
}

// ---- Grandmaster.

// A grandmaster's file, with `lines` in [global].
std::string Server(absl::string_view lines) {
  return absl::StrCat("[global]\nclockClass 6\n", lines, "\n[eth0]\n");
}
constexpr char kRecipe[] = "phc2sys -a -rr";

TEST(ImportGrandmaster, IsWhatIsMadeOfAFileThatClaimsToBeOne) {
  for (const char* text :
       {"[global]\nclockClass 6\n[eth0]\n", "[global]\npriority1 1\n[eth0]\n",
        "[eth0]\nmasterOnly 1\n", "[global]\nserverOnly 1\n[eth0]\n",
        "[global]\nfree_running 1\n[eth0]\n"}) {
    const Config config = Good(text, kRecipe);
    EXPECT_EQ(config.role, Role::kGrandmaster) << text;
    EXPECT_EQ(config.ptp.interface, "eth0") << text;
    EXPECT_EQ(config.grandmaster.source, GrandmasterSource::kSystem) << text;
    EXPECT_EQ(config.phc.mode, PhcMode::kDiscipline) << text;
    EXPECT_EQ(config.gnss.gpsd, "localhost:2947") << text;
    EXPECT_THAT(config.output.shm, IsEmpty()) << text;
  }
  EXPECT_EQ(Good("[eth0]\n", "phc2sys -s CLOCK_REALTIME -c eth0 -w -q").role,
            Role::kGrandmaster);
  EXPECT_EQ(Good(Client("clockClass 6\npriority1 1")).role, Role::kClient);
  EXPECT_EQ(Good(Client("free_running 1"), "phc2sys -a -rr -E ntpshm").role,
            Role::kClient);
  EXPECT_EQ(Import("[global]\nclockClass 6\n[eth0]\n", kRecipe, Role::kClient)
                .toml.find("grandmaster]"),
            std::string::npos);
}

TEST(ImportGrandmaster, TranslatesWhatAMasterObeys) {
  const Config config = Good(
      Server("domainNumber 24\nnetwork_transport UDPv6\ndelay_mechanism P2P\n"
             "logMinPdelayReqInterval -2\nlogAnnounceInterval -3\nlogSyncInterval -4\n"
             "announceReceiptTimeout 4\ntime_stamping hardware\npriority1 10\n"
             "priority2 11\ningressLatency 320\negressLatency 110\nphc_index 2\n"
             "leapfile /etc/leaps\nhybrid_e2e 1"),
      "phc2sys -a -rr -n 24");
  EXPECT_EQ(config.ptp.domain, 24);
  EXPECT_EQ(config.ptp.transport, Transport::kUdp6);
  EXPECT_EQ(config.ptp.delay, DelayChoice::kP2P);
  EXPECT_EQ(config.ptp.delay_interval, -2);
  EXPECT_EQ(config.ptp.announce_interval, -3);
  EXPECT_EQ(config.ptp.sync_interval, -4);
  EXPECT_EQ(config.ptp.announce_receipt_timeout, 4);
  EXPECT_EQ(config.ptp.timestamping, Timestamping::kHardware);
  EXPECT_EQ(config.ptp.priority1, 10);
  EXPECT_EQ(config.ptp.priority2, 11);
  EXPECT_EQ(config.ptp.ingress_latency, TimeDelta::FromNanos(320));
  EXPECT_EQ(config.ptp.egress_latency, TimeDelta::FromNanos(110));
  EXPECT_EQ(config.phc.device, "/dev/ptp2");
  EXPECT_EQ(config.utc.leap_file, "/etc/leaps");
}

TEST(ImportGrandmaster, KeepsOneStepWhereHardwareDoesIt) {
  EXPECT_EQ(Good(Server(""), kRecipe).grandmaster.one_step, OneStepUse::kOff);
  EXPECT_EQ(Good(Server("twoStepFlag 1"), kRecipe).grandmaster.one_step,
            OneStepUse::kOff);
  for (const char* lines :
       {"twoStepFlag 0", "time_stamping onestep", "time_stamping p2p1step",
        "time_stamping hardware\ntwoStepFlag 0",
        "time_stamping onestep\ntwoStepFlag 0"}) {
    const Imported imported = Import(Server(lines), kRecipe);
    EXPECT_THAT(Messages(imported), IsEmpty()) << lines;
    EXPECT_EQ(Loaded(imported).grandmaster.one_step, OneStepUse::kAuto) << lines;
    EXPECT_EQ(imported.toml.find("\n#   line 3: twoStepFlag"), std::string::npos)
        << lines;
  }
  EXPECT_THAT(Import(Server("time_stamping p2p1step"), kRecipe).toml,
              HasSubstr("p2p1step; Pdelay_Resp stays two-step"));
  EXPECT_EQ(Good(Server("time_stamping software\ntwoStepFlag 0")).grandmaster.one_step,
            OneStepUse::kOff);
  EXPECT_THAT(Import(Client("twoStepFlag 0")).toml,
              HasSubstr("twoStepFlag 0: a master's, with hardware"));
}

TEST(ImportGrandmaster, SaysThatClaimsAreEarnedAndWhatIsAClients) {
  const Imported imported =
      Import(Server("clockAccuracy 0x21\ntimeSource 0x20\n"
                    "offsetScaledLogVariance 0x4E5D\ndelayAsymmetry 5\n"
                    "clock_class_threshold 7"),
             kRecipe);
  EXPECT_THAT(Messages(imported), IsEmpty());
  EXPECT_TRUE(imported.usable);
  EXPECT_THAT(
      imported.toml,
      AllOf(
          HasSubstr("#   line 2: clockClass 6: a master's claim: refclockd as a master "
                    "earns its own\n"),
          HasSubstr("line 3: clockAccuracy 0x21: a master's claim"),
          HasSubstr("line 4: timeSource 0x20: a master's claim"),
          HasSubstr("line 5: offsetScaledLogVariance 0x4E5D: a master's claim"),
          HasSubstr("line 6: delayAsymmetry 5: a client's"),
          HasSubstr("line 7: clock_class_threshold 7: a client's")));
}

TEST(ImportGrandmaster, ServesThePhcWhereTheSystemClockFollowsIt) {
  const Imported imported = Import(Server(""), "phc2sys -s eth0 -c CLOCK_REALTIME -w");
  EXPECT_EQ(Loaded(imported).grandmaster.source, GrandmasterSource::kPhc);
  EXPECT_THAT(Messages(imported), ElementsAre(HasSubstr("keep this phc2sys, or have")));
  // Software time stamps are of no PHC.
  const Imported software =
      Import(Server("time_stamping software"), "phc2sys -s eth0 -w");
  EXPECT_EQ(Loaded(software).grandmaster.source, GrandmasterSource::kSystem);
}

TEST(ImportGrandmaster, AsksWhichClockIsServedWhereNothingTells) {
  for (const auto& phc2sys :
       {std::optional<std::string>(), std::optional<std::string>("phc2sys -a -r")}) {
    const Imported imported = Import(Server("free_running 1"), phc2sys);
    EXPECT_EQ(Loaded(imported).phc.mode, PhcMode::kObserve);
    EXPECT_THAT(Messages(imported),
                ElementsAre(AllOf(HasSubstr("which clock is served?"),
                                  HasSubstr("--phc2sys="), HasSubstr("\"phc\""))));
  }
  EXPECT_EQ(Good(Server("time_stamping software")).grandmaster.source,
            GrandmasterSource::kSystem);
}

TEST(ImportGrandmaster, FindsInterfaceAndClockAtTheSinkOfPhc2sys) {
  EXPECT_EQ(Good("[global]\nclockClass 6\n", "phc2sys -s CLOCK_REALTIME -c eth3 -w")
                .ptp.interface,
            "eth3");
  EXPECT_EQ(Good(Server(""), "phc2sys -s CLOCK_REALTIME -c /dev/ptp1").phc.device,
            "/dev/ptp1");
  EXPECT_THAT(Messages(Import(Server(""), "phc2sys -s CLOCK_REALTIME -c eth9")),
              ElementsAre(HasSubstr("steers no clock after another")));
}

TEST(ImportGrandmaster, TakesTheOffsetOfTheOtherDirection) {
  const int now = ReleaseLeaps().rows().back().offset;
  const auto line = [](int offset) {
    return absl::StrCat("phc2sys -s CLOCK_REALTIME -c eth0 -O ", offset);
  };
  EXPECT_EQ(Good(Server(""), line(now)).utc.pin, now);
  for (const int offset : {0, -now, now - 1}) {
    const Imported imported = Import(Server(""), line(offset));
    EXPECT_EQ(Loaded(imported).utc.policy, UtcPolicy::kAgree) << offset;
    EXPECT_THAT(Messages(imported),
                ElementsAre(AllOf(HasSubstr("wrong"),
                                  HasSubstr(absl::StrCat("-O ", now, " would")))))
        << offset;
  }
}

TEST(ImportGrandmaster, HasOnePortOfSeveral) {
  const Imported imported = Import(
      "[global]\nclockClass 6\n[eth0]\nnetwork_transport L2\n[eth1]\n"
      "network_transport UDPv6\n",
      kRecipe);
  const Config config = Loaded(imported);
  EXPECT_EQ(config.ptp.interface, "eth0");
  EXPECT_EQ(config.ptp.transport, Transport::kL2);
  EXPECT_THAT(config.ports, IsEmpty());
  EXPECT_THAT(Messages(imported), ElementsAre(HasSubstr("2 ports; a grandmaster of")));
  EXPECT_THAT(imported.toml,
              HasSubstr("line 6: network_transport UDPv6: of a port that is left out"));
}

TEST(ImportGrandmaster, SaysWhatItsSlavesMayMiss) {
  for (const char* line :
       {"unicast_listen 1", "inhibit_announce 1", "gmCapable 0", "follow_up_info 1",
        "path_trace_enabled 1", "power_profile.version 2011", "transportSpecific 1",
        "logSyncInterval -8", "logSyncInterval 5"}) {
    const Imported imported = Import(Server(line), kRecipe);
    EXPECT_THAT(Messages(imported), ElementsAre(StartsWith("f.conf:3:"))) << line;
    EXPECT_TRUE(imported.usable) << line;
  }
  EXPECT_THAT(Messages(Import(Client("unicast_listen 1\nfollow_up_info 1"))),
              IsEmpty());
}

TEST(ImportGrandmaster, ThatIsAskedForOfAClientSaysWhatSpeaksAgainstIt) {
  const Imported imported = Import(Client(""), kRecipe, Role::kGrandmaster);
  EXPECT_EQ(Loaded(imported).role, Role::kGrandmaster);
  EXPECT_THAT(Messages(imported),
              ElementsAre(AllOf(StartsWith("f.conf:2:"), HasSubstr("only follows"))));
  EXPECT_THAT(
      Messages(Import(Server(""), "phc2sys -a -rr -E ntpshm")),
      ElementsAre(AllOf(HasSubstr("feeds no NTP daemon"), HasSubstr("--role=auto"))));
}

TEST(ImportAuto, ServesAndFeeds) {
  const Config config = Good("[eth0]\nlogSyncInterval -1\ndelayAsymmetry 7\n",
                             "phc2sys -a -rr -E ntpshm -M 14 -R 4", Role::kAuto);
  EXPECT_EQ(config.role, Role::kAuto);
  EXPECT_EQ(config.ptp.sync_interval, -1);
  EXPECT_EQ(config.ptp.delay_asymmetry, TimeDelta::FromNanos(7));
  EXPECT_EQ(config.grandmaster.source, GrandmasterSource::kSystem);
  EXPECT_EQ(config.output.shm[0].unit, 14);
  EXPECT_EQ(config.output.rate, 4);
  // gpsd has the units below.
  EXPECT_EQ(Good("[eth0]\n", "phc2sys -s CLOCK_REALTIME -c eth0", Role::kAuto)
                .output.shm[0]
                .unit,
            12);
}

TEST(ImportAuto, SaysWhatKeepsItFromFollowing) {
  EXPECT_THAT(
      Messages(Import("[global]\npriority1 1\n[eth0]\n", "phc2sys -a -rr -E ntpshm",
                      Role::kAuto)),
      ElementsAre(AllOf(StartsWith("f.conf:2:"), HasSubstr("before clockClass"))));
  EXPECT_THAT(Messages(Import("[eth0]\nserverOnly 1\n", "phc2sys -a -rr -E ntpshm",
                              Role::kAuto)),
              ElementsAre(AllOf(StartsWith("f.conf:2:"), HasSubstr("never follows"))));
  EXPECT_THAT(Messages(Import("[eth0]\n", kRecipe, Role::kAuto)),
              ElementsAre(HasSubstr("it steers the system clock itself")));
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
      for (const Role role :
           {Role::kClient, Role::kCompanion, Role::kGrandmaster, Role::kAuto}) {
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
  ASSERT_GE(GoldenConfs().size(), 12u);
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
  int masters = 0;
  for (const fs::path& conf : GoldenConfs()) {
    const Imported imported = ImportGolden(conf, "eth0");
    EXPECT_TRUE(imported.usable) << conf;
    masters += Loaded(imported).role == Role::kGrandmaster;
  }
  EXPECT_EQ(masters, 3);
}

}  // namespace
}  // namespace bridge
