// bridge/config/ptp4l_options.h
//
// Every option a ptp4l.conf may hold, linuxptp 2.0 to 4.4: what ptp4l takes for its
// value, and why refclockd leaves it out, if it does. (config.c of those releases is
// where names, ranges and defaults are from; 3.1.1's were tried.)
#pragma once

#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"

namespace bridge {

struct Ptp4lOption {
  enum class Kind { kWhole, kReal, kWord, kText };
  // What an option is beyond its value.
  enum Trait : unsigned {
    kOfPort = 1,           // May stand in the section of an interface too.
    kSince4 = 2,           // linuxptp 3.1.1 does not know it.
    kMatters = 4,          // Left out, it is missed, unless it has its default.
    kMattersOfMaster = 8,  // Likewise, in the file of a master.
  };

  const char* name;
  Kind kind;
  double low, high;      // Of numbers.
  const char* words;     // Of kWord: "E2E P2P", with one blank between.
  const char* fallback;  // ptp4l's default, as it may be written.
  unsigned traits;
  const char* why;  // It has no counterpart; null: import_ptp4l.cc translates it.

  bool Is(Trait trait) const { return (traits & trait) != 0; }
};

std::span<const Ptp4lOption> Ptp4lOptions();

// By its name of today, or a former one: "slaveOnly" finds clientOnly. Case counts.
const Ptp4lOption* FindPtp4lOption(absl::string_view name);

// A number as ptp4l reads it: decimal, 0x18, 030 (octal). Nothing if it is none.
std::optional<double> Ptp4lNumber(const Ptp4lOption& option, absl::string_view value);

// What ptp4l expects, if it refuses `value`; else "".
std::string Ptp4lRefusal(const Ptp4lOption& option, absl::string_view value);

// Whether `value`, which ptp4l takes, is its default.
bool IsPtp4lDefault(const Ptp4lOption& option, absl::string_view value);

}  // namespace bridge
