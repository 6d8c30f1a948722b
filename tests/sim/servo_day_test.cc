#include "bridge/sim/servo_day.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bridge::sim {
namespace {

using ::testing::HasSubstr;

// A quiet room: what is left is the stamps' noise.
ServoFigures Play(double sync_interval, double load_degrees) {
  const ServoDay day = PlayServoDay(
      {.hours = 2, .sync_interval = sync_interval, .load_degrees = load_degrees});
  EXPECT_EQ(day.seconds.size(), 7'200u);
  return Figures(day);
}

TEST(ServoDay, OursHasLessOfTheStampsNoiseWhileTheCrystalIsCalm) {
  for (const double interval : {1.0, 0.125}) {
    const ServoFigures figures = Play(interval, 0);
    EXPECT_LT(figures.own_rms_ns, 0.7 * figures.pi_rms_ns) << interval;
    EXPECT_LT(figures.own_max_ns, 0.7 * figures.pi_max_ns) << interval;
  }
}

TEST(ServoDay, BothFollowACrystalThatLoadHeats) {
  for (const double interval : {1.0, 0.125}) {
    const ServoFigures figures = Play(interval, 6);
    EXPECT_LT(figures.own_rms_ns, 50) << interval;
    EXPECT_LT(figures.own_max_ns, 200) << interval;
    EXPECT_LT(figures.pi_rms_ns, 50) << interval;
    EXPECT_LT(figures.pi_max_ns, 250) << interval;
  }
}

TEST(ServoPlot, SaysWhatItShows) {
  const ServoDay day = PlayServoDay({.hours = 1});
  const std::string svg = ServoPlot({day});
  for (const char* text : {"<svg", "hours", "ns", "&#176;C", "PI servo: rms",
                           "refclockd: rms", "Sync 1 per second", "</svg>"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace bridge::sim
