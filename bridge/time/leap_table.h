// bridge/time/leap_table.h
//
// TAI-UTC over the years, from the text of leap-seconds.list.
//
//   absl::StatusOr<LeapTable> table = LeapTable::Parse(text);
//   std::optional<int> offset = table->OffsetAt(tai);
//
// The format (IERS/NIST; also facts in RFC 8633): '#' starts a comment; "#$" the
// NTP second of the last update, "#@" of the expiry, "#h" five words of SHA-1;
// data rows are "<NTP second of the first instant with this offset> <TAI-UTC>".
// An expired table is not a wrong table: it still vouches for the past.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge {

class LeapTable {
 public:
  // From `since` (inclusive; the first second after the leap second) on, TAI-UTC
  // is `offset` seconds.
  struct Row {
    UtcTime since;
    int offset;
  };
  enum class Hash { kAbsent, kGood };  // A bad one is an error of Parse.

  // Errors name the line and say what would be right. Refused: no rows, rows out
  // of order, before 1972 or not at the start of a UTC month, offsets that change
  // by other than one second, malformed or missing "#$" or "#@", a "#h" that does
  // not match (a truncated or edited file), more than 10,000 lines. A list without
  // "#h" is accepted if its last line is complete; hash() tells.
  static absl::StatusOr<LeapTable> Parse(absl::string_view text);

  // The table again from what it was made of: whole seconds, by the rules of Parse.
  static absl::StatusOr<LeapTable> FromRows(std::span<const Row> rows,
                                            UtcTime last_update, UtcTime expires,
                                            Hash hash);

  // The line "#h" that belongs to a list; empty if there is an error in it.
  static std::string HashLine(absl::string_view text);

  // TAI-UTC in whole seconds at an instant, keyed on TAI; nothing before the
  // first row. During an inserted leap second the old offset holds (the PTP
  // convention, not the kernel's).
  std::optional<int> OffsetAt(TaiTime instant) const;

  // The leap second that ends within the 24 h after `instant`, if the table knows
  // one; still pending during the leap second itself.
  LeapIndicator PendingAt(TaiTime instant) const;

  // The next offset change after `instant`, if the table knows one.
  std::optional<Row> NextAfter(TaiTime instant) const;

  // A leap second ended within the 60 s before `instant`.
  bool JustLeaptAt(TaiTime instant) const;

  bool ExpiredAt(TaiTime instant) const;
  UtcTime expires() const { return expires_; }
  UtcTime last_update() const { return last_update_; }
  Hash hash() const { return hash_; }
  std::span<const Row> rows() const { return rows_; }

 private:
  LeapTable() = default;

  // Of the first row whose offset begins after `instant`.
  size_t IndexAfter(TaiTime instant) const;

  std::vector<Row> rows_;
  UtcTime expires_;
  UtcTime last_update_;
  Hash hash_ = Hash::kAbsent;
};

}  // namespace bridge
