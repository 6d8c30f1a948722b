// Grandmasters and clocks of role auto, as whole machines on a simulated network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <vector>

#include "bridge/sim/box.h"
#include "bridge/sim/lan.h"

namespace bridge::sim {
namespace {

using testing::IsEmpty;

Config Master(Role role = Role::kGrandmaster) {
  Config config;
  config.role = role;
  config.ptp.announce_interval = 0;
  config.ptp.sync_interval = -3;
  config.ptp.delay_interval = -2;
  return config;
}

Config Client() { return Master(Role::kClient); }


struct Stamps {
  bool hardware;
  DelayChoice delay;
};

std::optional<PhcSettings> Phc(bool hardware, double ppm = -15) {
  if (!hardware) return std::nullopt;
  return PhcSettings{.crystal = {.ppm = ppm}};
}

BoxSettings MasterBox(uint64_t identity, bool hardware, Role role = Role::kGrandmaster) {
  BoxSettings settings;
  settings.identity = identity;
  settings.config = Master(role);
  settings.phc = Phc(hardware);
  return settings;
}

// A client that has no other source of time.
BoxSettings ClientBox(bool hardware) {
  BoxSettings settings;
  settings.identity = 0x5;
  settings.config = Client();
  settings.crystal.ppm = -17;
  settings.phc = Phc(hardware, 21);
  settings.ntp.has_gnss = false;
  return settings;
}

void ExpectClean(const Lan& lan) {
  for (const Box* box : lan.boxes()) {
    EXPECT_THAT(box->violations(), IsEmpty()) << box->Log();
  }
}

std::vector<int> Classes(const Box& box) {
  std::vector<int> classes;
  for (const Box::ClassChange& change : box.classes()) {
    classes.push_back(change.clock_class);
  }
  return classes;
}

// ns, of those from `since` on.
double Worst(const std::vector<Box::Error>& errors, TaiTime since) {
  double worst = 0;
  for (const Box::Error& error : errors) {
    if (error.when >= since) worst = std::max(worst, std::fabs(error.ns));
  }
  return worst;
}

// The largest difference between neighbours, ns.
double LargestStep(const std::vector<Box::Error>& errors, TaiTime since) {
  double largest = 0;
  for (size_t i = 1; i < errors.size(); ++i) {
    if (errors[i - 1].when < since) continue;
    largest = std::max(largest, std::fabs(errors[i].ns - errors[i - 1].ns));
  }
  return largest;
}

// The master's clocks are right from the first second on, so what is between starting
// and class 6 is proof.
TEST(Grandmaster, EarnsClassSixAndIsFollowedWithinTheBoundOfWhatIsPublished) {
  for (const bool hardware : {false, true}) {
    for (const DelayChoice delay : {DelayChoice::kE2E, DelayChoice::kP2P}) {
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(testing::Message() << hardware << ' ' << int(delay) << ' ' << seed);
        Lan lan({.seed = seed});
        BoxSettings serves = MasterBox(0xa, hardware);
        BoxSettings follows = ClientBox(hardware);
        serves.config.ptp.delay = follows.config.ptp.delay = delay;
        Box master(lan, serves);
        Box slave(lan, follows);
        lan.RunFor(absl::Minutes(10));
        ExpectClean(lan);
        EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6));
        EXPECT_GT(master.classes().back().age, absl::Seconds(70));  // 10 and 60.
        EXPECT_LT(master.classes().back().age, absl::Seconds(90));
        // As good as the system clock, which is 200 ns of noise off.
        EXPECT_GT(master.served().size(), 4'500u);
        EXPECT_LT(Worst(master.served(), TaiTime()), 600);
        EXPECT_GT(slave.samples().size(), 550u);
        for (const Box::Error& sample : slave.samples()) {
          EXPECT_LE(std::fabs(sample.ns), sample.bound_ns);
        }
        const TaiTime late = lan.now() - TimeDelta::FromSeconds(300);
        EXPECT_LT(Worst(slave.samples(), late), 2'000);
        std::cerr << hardware << int(delay) << " served " << Worst(master.served(), late) << " slave "
                  << Worst(slave.samples(), late) << "\n";
      }
    }
  }
}

TEST(Grandmaster, SteersThePhcToTaiOrLeavesItAlone) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Lan lan({.seed = seed});
    BoxSettings settings = MasterBox(0xa, true);
    settings.ntp.noise_ns = 20;
    settings.crystal.white_fm = 2;
    Box steers(lan, settings);
    settings.identity = 0xb;
    settings.config.phc.mode = PhcMode::kObserve;
    Box observes(lan, settings);
    lan.RunFor(absl::Minutes(10));
    ExpectClean(lan);
    const TaiTime late = lan.now() - TimeDelta::FromSeconds(300);
    EXPECT_LT(Worst(steers.phc_errors(), late), 100);
    EXPECT_GT(steers.phc_adjustments(), 500u);
    EXPECT_EQ(observes.phc_adjustments(), 0u);
    EXPECT_GT(Worst(observes.phc_errors(), late), 1e9);
    EXPECT_GT(steers.served().size(), 4'000u);
    std::cerr << "phc " << Worst(steers.phc_errors(), late) << " served " << Worst(steers.served(), late) << "\n";
  }
}

TEST(Auto, TwoBoxesHandOverTenTimesWithoutAStep) {
  for (const bool hardware : {false, true}) {
    SCOPED_TRACE(hardware);
    Lan lan({.seed = 1});
    BoxSettings settings = MasterBox(0xa, hardware, Role::kAuto);
    settings.quiet = true;
    Box a(lan, settings);
    settings = MasterBox(0xb, hardware, Role::kAuto);
    settings.crystal.ppm = -17;
    settings.quiet = true;
    Box b(lan, settings);
    TimeDelta both, longest;
    std::function<void()> watch = [&] {
      const TimeDelta step = TimeDelta::FromMillis(50);
      both = a.serves() && b.serves() ? both + step : TimeDelta();
      longest = std::max(longest, both);
      lan.After(step, watch);
    };
    watch();
    lan.RunFor(absl::Minutes(40));
    const TaiTime settled = lan.now();
    ASSERT_TRUE(a.serves());
    ASSERT_EQ(b.master().role_state(), RoleState::kStandby) << b.Log();
    for (int i = 0; i < 10; ++i) {
      SCOPED_TRACE(i);
      const size_t samples = a.samples().size();
      a.SetFix(false);
      lan.RunFor(absl::Seconds(60));
      EXPECT_EQ(a.clock_class(), 7);
      EXPECT_TRUE(a.serves());
      lan.RunFor(absl::Minutes(15));
      EXPECT_EQ(a.clock_class(), 187);
      EXPECT_EQ(a.master().role_state(), RoleState::kFollowing);
      EXPECT_TRUE(b.serves());
      EXPECT_TRUE(a.publishing());
      EXPECT_EQ(a.ntp().source(), NtpDaemon::Source::kSamples);
      EXPECT_GT(a.samples().size(), samples + 60);
      a.SetFix(true);
      lan.RunFor(absl::Minutes(6));
      EXPECT_TRUE(a.serves());
      EXPECT_EQ(a.clock_class(), 6);
      EXPECT_FALSE(a.publishing());
      EXPECT_EQ(b.master().role_state(), RoleState::kStandby);
    }
    ExpectClean(lan);
    EXPECT_LT(longest, TimeDelta::FromSeconds(5));
    for (const Box* box : lan.boxes()) {
      std::cerr << "steps " << LargestStep(box->samples(), settled) << " "
                << LargestStep(box->phc_errors(), settled) << " "
                << LargestStep(box->served(), settled) << " n " << box->samples().size() << " both " << longest.SecondsDouble() << "\n";
      EXPECT_LT(LargestStep(box->samples(), settled), 1'000);
      EXPECT_LT(LargestStep(box->phc_errors(), settled), 1'000);
      EXPECT_LT(LargestStep(box->served(), settled), 1'000);
    }
    if (testing::Test::HasFailure()) std::cerr << a.Log() << "\n--\n" << b.Log();
  }
}

}  // namespace
}  // namespace bridge::sim
