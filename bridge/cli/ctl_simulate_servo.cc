#include "bridge/cli/ctl_simulate_servo.h"

#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/sim/servo_day.h"

namespace bridge::ctl {
namespace {

std::string Csv(const std::vector<sim::ServoDay>& days) {
  std::string text = "second,celsius";
  for (const sim::ServoDay& day : days) {
    const double rate = 1 / day.settings.sync_interval;
    absl::StrAppendFormat(&text, ",own_ns_%g,pi_ns_%g", rate, rate);
  }
  text += '\n';
  for (size_t i = 0; i < days.front().seconds.size(); ++i) {
    absl::StrAppendFormat(&text, "%d,%.2f", i, days.front().seconds[i].celsius);
    for (const sim::ServoDay& day : days) {
      absl::StrAppendFormat(&text, ",%.1f,%.1f", day.seconds[i].own_ns,
                            day.seconds[i].pi_ns);
    }
    text += '\n';
  }
  return text;
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file.good();
}

}  // namespace

int PlayServo(const ServoRun& run) {
  std::vector<sim::ServoDay> days;
  absl::PrintF("%-10s  %-22s  %s\n", "Sync", "refclockd: rms, max",
               "PI servo: rms, max");
  for (const double interval : {1.0, 0.125}) {
    days.push_back(sim::PlayServoDay(
        {.seed = run.seed, .hours = run.hours, .sync_interval = interval}));
    const sim::ServoFigures figures = sim::Figures(days.back());
    absl::PrintF("%g per s     %8.2f ns, %5.1f ns  %8.2f ns, %5.1f ns\n", 1 / interval,
                 figures.own_rms_ns, figures.own_max_ns, figures.pi_rms_ns,
                 figures.pi_max_ns);
  }
  if (run.csv && !Write(*run.csv, Csv(days))) {
    return Complain(kBad, absl::StrCat(*run.csv, " can't be written"));
  }
  if (run.svg && !Write(*run.svg, sim::ServoPlot(days))) {
    return Complain(kBad, absl::StrCat(*run.svg, " can't be written"));
  }
  return kGood;
}

}  // namespace bridge::ctl
