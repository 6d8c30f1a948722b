// bridge/cli/ctl_simulate_cases.h
//
// `refclockctl simulate --cases`: the table of lies, as Markdown.
#pragma once

namespace bridge::ctl {

// Plays every case and prints a row for what was announced and how it was flagged;
// with `all` a row for each case. Returns an exit code: bad if a wrong second was
// published, or nothing where two independent parties told the truth.
int PlayCases(bool all);

}  // namespace bridge::ctl
