// bridge/time/release_leaps.h
//
// The leap seconds known when this version was released: a floor under what
// others say of the past. A list that was made before it is older than the program;
// one that contradicts it is wrong; and where no list is at hand it stands in.
#pragma once

#include "absl/status/status.h"
#include "bridge/time/leap_table.h"

namespace bridge {

// From IERS Bulletin C 72 of July 2026: no leap second in December 2026. To be
// renewed with each release (tests/time/release_leaps_test.cc compares it with the
// machine's own list).
const LeapTable& ReleaseLeaps();

// Whether `table` tells the same leap seconds where both are known; an error names
// the first difference.
absl::Status AgreesWithRelease(const LeapTable& table);

}  // namespace bridge
