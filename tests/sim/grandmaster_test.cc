// Grandmasters and clocks of role auto, as whole machines on a simulated network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

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

TEST(Grandmaster, Smoke) {
  for (bool hardware : {false, true}) {
    Lan lan({.seed = 1});
    std::optional<PhcSettings> phc;
    if (hardware) phc.emplace();
    Box master(lan, {.identity = 0xa, .config = Master(), .phc = phc});
    Box slave(lan, {.identity = 0x5,
                    .config = Client(),
                    .crystal = {.ppm = -17},
                    .phc = phc,
                    .ntp = {.has_gnss = false}});
    lan.RunFor(absl::Minutes(5));
    std::cerr << master.Log() << "\n--\n" << slave.Log() << "\n";
    for (auto& c : master.classes()) std::cerr << c.age << " class " << int(c.clock_class) << "\n";
    EXPECT_THAT(master.violations(), IsEmpty());
    EXPECT_THAT(slave.violations(), IsEmpty());
    double worst = 0;
    for (auto& e : master.served()) worst = std::max(worst, std::fabs(e.ns));
    std::cerr << "served " << master.served().size() << " worst " << worst << " last "
              << master.served().back().ns << " slave " << slave.samples().size() << " "
              << (slave.samples().empty() ? 0 : slave.samples().back().ns) << " sys "
              << master.SystemError() << " " << slave.SystemError() << "\n";
    if (hardware) std::cerr << "phc " << master.PhcError() << " " << slave.PhcError() << "\n";
  }
}


TEST(Auto, Smoke) {
    Lan lan({.seed = 1});
    std::optional<PhcSettings> phc;
     phc.emplace();
    Box a(lan, {.identity = 0xa, .config = Master(Role::kAuto), .phc = phc, .quiet = true});
    Box b(lan, {.identity = 0xb, .config = Master(Role::kAuto), .crystal = {.ppm = -17}, .phc = phc, .quiet = true});
    lan.RunFor(absl::Minutes(5));
    for (int i = 0; i < 3; ++i) {
    a.SetFix(false);
    lan.RunFor(absl::Minutes(15));
    a.SetFix(true);
    lan.RunFor(absl::Minutes(10));
    }
    std::cerr << a.Log() << "\n--\n" << b.Log() << "\n";
    for (Box* box : lan.boxes()) {
    for (auto& c : box->classes()) std::cerr << c.age << " class " << int(c.clock_class) << "\n";
    EXPECT_THAT(box->violations(), IsEmpty());
    double worst = 0;
    for (auto& e : box->served()) worst = std::max(worst, std::fabs(e.ns));
    std::cerr << "served " << box->served().size() << " worst " << worst << " samples " << box->samples().size() << " sys "
              << box->SystemError() << " phc " << box->PhcError() << "\n";
    double last = 0;
    int n = 0;
    for (auto& e : box->phc_errors()) {
      if (++n > 80 && std::fabs(e.ns - last) > 1000) std::cerr << (e.when - box->phc_errors()[0].when).SecondsDouble() << " " << e.ns - last << "\n";
      last = e.ns;
    }
    }
}

}  // namespace
}  // namespace bridge::sim
