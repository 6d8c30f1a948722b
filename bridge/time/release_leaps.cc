#include "bridge/time/release_leaps.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace bridge {
namespace {

// TAI-UTC was 10 s at the start of 1972 and has grown by one at each of these
// (IERS Bulletin C): the first days after a leap second.
constexpr struct {
  int year;
  int month;
} kLeaps[] = {{1972, 7}, {1973, 1}, {1974, 1}, {1975, 1}, {1976, 1}, {1977, 1},
              {1978, 1}, {1979, 1}, {1980, 1}, {1981, 7}, {1982, 7}, {1983, 7},
              {1985, 7}, {1988, 1}, {1990, 1}, {1991, 1}, {1992, 7}, {1993, 7},
              {1994, 7}, {1996, 1}, {1997, 7}, {1999, 1}, {2006, 1}, {2009, 1},
              {2012, 7}, {2015, 7}, {2017, 1}};
constexpr int kOffsetIn1972 = 10;

UtcTime Midnight(absl::CivilDay day) {
  const int64_t days = day - absl::CivilDay(1970, 1, 1);
  return UtcTime() + TimeDelta::FromSeconds(days * 86'400);
}

LeapTable Make() {
  std::vector<LeapTable::Row> rows{
      {Midnight(absl::CivilDay(1972, 1, 1)), kOffsetIn1972}};
  for (const auto& leap : kLeaps) {
    rows.push_back(
        {Midnight(absl::CivilDay(leap.year, leap.month, 1)), rows.back().offset + 1});
  }
  return *LeapTable::FromRows(rows, Midnight(absl::CivilDay(2026, 7, 6)),
                              Midnight(absl::CivilDay(2027, 6, 28)),
                              LeapTable::Hash::kGood);
}

// `instant` is not before the first row.
int OffsetFrom(const LeapTable& table, UtcTime instant) {
  int offset = table.rows().front().offset;
  for (const LeapTable::Row& row : table.rows()) {
    if (row.since <= instant) offset = row.offset;
  }
  return offset;
}

std::string Date(UtcTime instant) {
  const auto day = absl::CivilDay(1970, 1, 1) + instant.Split().seconds / 86'400;
  return absl::FormatCivilTime(day);
}

}  // namespace

const LeapTable& ReleaseLeaps() {
  static const LeapTable table = Make();
  return table;
}

absl::Status AgreesWithRelease(const LeapTable& table) {
  const LeapTable& known = ReleaseLeaps();
  // Both tell everything that happened before either of them expires. A list may
  // begin later than 1972.
  const UtcTime begin = table.rows().front().since;
  const UtcTime end = std::min(table.expires(), known.expires());
  for (const LeapTable* changes : {&known, &table}) {
    for (const LeapTable::Row& row : changes->rows()) {
      if (row.since < begin || row.since >= end) continue;
      const int told = OffsetFrom(table, row.since);
      const int right = OffsetFrom(known, row.since);
      if (told == right) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "it says ", told, " s from ", Date(row.since), " on, but ", right,
          " s were known when this version was released; it was truncated or edited: "
          "fetch it again"));
    }
  }
  return absl::OkStatus();
}

}  // namespace bridge
