#include "bridge/time/leap_table.h"

#include <sha1.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "bridge/base/status_macros.h"

namespace bridge {
namespace {

constexpr int64_t kNtpToPosix = 2'208'988'800;  // 1900 to 1970 (RFC 5905, figure 4).
constexpr int64_t kFirstRow = 2'272'060'800;    // 1972-01-01, where UTC as we know it
                                                // begins.
constexpr int64_t kLastSecond = int64_t{1} << 33;  // The year 2172: a typing error.
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int kMaxLines = 10'000;

// The instant a row's offset begins. 00:00:00 UTC follows the leap second (or the
// second before a deleted one), and there the new offset already holds.
TaiTime Start(const LeapTable::Row& row) {
  return TaiTime() + row.since.SinceEpoch() + TimeDelta::FromSeconds(row.offset);
}

absl::Status Error(int line, absl::string_view wrong, absl::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, ": ", wrong, "; ", right));
}

std::vector<absl::string_view> Words(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
}

// A number as the hash sees it: digits only, so no sign and no white space.
std::optional<int64_t> ParseDigits(absl::string_view word) {
  int64_t value;
  if (!std::all_of(word.begin(), word.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(word, &value)) {
    return std::nullopt;
  }
  return value;
}

bool StartsMonth(int64_t posix_seconds) {
  return posix_seconds % kSecondsPerDay == 0 &&
         (absl::CivilDay(1970, 1, 1) + posix_seconds / kSecondsPerDay).day() == 1;
}

UtcTime FromNtpSecond(int64_t ntp) {
  return UtcTime() + TimeDelta::FromSeconds(ntp - kNtpToPosix);
}

using Digest = std::array<uint32_t, 5>;

Digest Sha1(absl::string_view text) {
  SHA1_CTX context;
  SHA1Init(&context);
  SHA1Update(&context, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  std::array<uint8_t, SHA1_DIGEST_LENGTH> octets;
  SHA1Final(octets.data(), &context);
  Digest digest{};
  for (size_t i = 0; i < octets.size(); ++i) {
    digest[i / 4] = digest[i / 4] << 8 | octets[i];
  }
  return digest;
}

// The lines of a list, gathered before anything is concluded from them.
class Lines {
 public:
  absl::Status Add(int number, absl::string_view line) {
    if (absl::ConsumePrefix(&line, "#$")) return AddDate(number, "#$", line, update_);
    if (absl::ConsumePrefix(&line, "#@")) return AddDate(number, "#@", line, expiry_);
    if (absl::StartsWith(line, "#h ") || absl::StartsWith(line, "#h\t")) {
      return AddHash(number, line.substr(2));
    }
    return AddRow(number, line.substr(0, line.find('#')));
  }

  // What a list as a whole must have. `end` is the number of its last line.
  absl::Status Check(int end, bool last_line_complete) const {
    if (rows_.empty()) {
      return Error(end, "no data rows",
                   "a row is \"<NTP second> <TAI-UTC>\", as in \"2272060800 10\"");
    }
    if (!update_) {
      return Error(end, "no line \"#$ <NTP second of the last update>\" up to here",
                   "fetch the whole file again");
    }
    if (!expiry_) {
      return Error(end, "no line \"#@ <NTP second of the expiry>\" up to here",
                   "fetch the whole file again");
    }
    if (hash_ && *hash_ != Sha1(HashInput())) {
      return Error(hash_line_, "the hash does not match the content",
                   "the file was truncated or edited: fetch it again, or remove "
                   "this line from a list of your own");
    }
    if (!hash_ && !last_line_complete) {
      return Error(end, "the file ends in the middle of a line and has no \"#h\"",
                   "it looks truncated: fetch it again");
    }
    return absl::OkStatus();
  }

  std::string HashInput() const {
    return absl::StrCat(update_->text, expiry_->text, row_digits_);
  }
  std::vector<LeapTable::Row> TakeRows() { return std::move(rows_); }
  UtcTime update() const { return FromNtpSecond(update_->second); }
  UtcTime expiry() const { return FromNtpSecond(expiry_->second); }
  bool has_hash() const { return hash_.has_value(); }

 private:
  struct Date {
    std::string text;
    int64_t second;
  };

  static absl::Status AddDate(int number, absl::string_view tag, absl::string_view rest,
                              std::optional<Date>& date) {
    if (date) {
      return Error(number, absl::StrCat("a second \"", tag, "\""), "one is right");
    }
    const auto words = Words(rest);
    const auto second = words.size() == 1 ? ParseDigits(words[0]) : std::nullopt;
    if (!second || *second < kFirstRow || *second > kLastSecond) {
      return Error(number, absl::StrCat("\"", tag, "\" without a date"),
                   "one number follows it: seconds since 1900, as in 3992312697");
    }
    date = Date{std::string(words[0]), *second};
    return absl::OkStatus();
  }

  absl::Status AddHash(int number, absl::string_view rest) {
    if (hash_) return Error(number, "a second \"#h\"", "one is right");
    const auto words = Words(rest);
    Digest digest{};
    bool good = words.size() == digest.size();
    for (size_t i = 0; good && i < digest.size(); ++i) {
      // Leading zeros may be missing: the generator of old lists printed %x.
      good = words[i].size() <= 8 &&
             std::all_of(words[i].begin(), words[i].end(), absl::ascii_isxdigit) &&
             absl::SimpleHexAtoi(words[i], &digest[i]);
    }
    if (!good) {
      return Error(number, "malformed \"#h\"", "five words of up to 8 hex digits");
    }
    hash_ = digest;
    hash_line_ = number;
    return absl::OkStatus();
  }

  absl::Status AddRow(int number, absl::string_view text) {
    const auto words = Words(text);
    if (words.empty()) return absl::OkStatus();
    const auto second = words.size() == 2 ? ParseDigits(words[0]) : std::nullopt;
    const auto offset = words.size() == 2 ? ParseDigits(words[1]) : std::nullopt;
    // currentUtcOffset is an Integer16 (IEEE 1588-2019, 13.5.2).
    if (!second || !offset || *second > kLastSecond ||
        *offset > std::numeric_limits<int16_t>::max()) {
      return Error(number, "not a row",
                   "\"<NTP second> <TAI-UTC>\" is, as in \"2272060800 10\"");
    }
    if (*second < kFirstRow || !StartsMonth(*second - kNtpToPosix)) {
      return Error(number, absl::StrCat(*second, " is not the start of a UTC month"),
                   "an offset begins at 00:00:00 on the first of a month, from 1972");
    }
    const LeapTable::Row row{FromNtpSecond(*second), static_cast<int>(*offset)};
    if (!rows_.empty() && row.since <= rows_.back().since) {
      return Error(number, "row out of order", "each is later than the one before");
    }
    if (!rows_.empty() && std::abs(row.offset - rows_.back().offset) != 1) {
      return Error(
          number,
          absl::StrCat("TAI-UTC goes from ", rows_.back().offset, " to ", row.offset),
          "a leap second changes it by one: a row is missing or wrong");
    }
    rows_.push_back(row);
    absl::StrAppend(&row_digits_, words[0], words[1]);
    return absl::OkStatus();
  }

  std::vector<LeapTable::Row> rows_;
  std::string row_digits_;
  std::optional<Date> update_;
  std::optional<Date> expiry_;
  std::optional<Digest> hash_;
  int hash_line_ = 0;
};

// The lines of a list, each looked at; errors name it.
absl::Status Gather(absl::string_view text, Lines& lines) {
  int number = 0;
  const bool last_line_complete = absl::EndsWith(text, "\n");
  absl::ConsumeSuffix(&text, "\n");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (++number > kMaxLines) {
      return Error(number, "too many lines", "leap-seconds.list has about 120");
    }
    absl::ConsumeSuffix(&line, "\r");
    RETURN_IF_ERROR(lines.Add(number, line));
  }
  return lines.Check(number, last_line_complete);
}

}  // namespace

absl::StatusOr<LeapTable> LeapTable::Parse(absl::string_view text) {
  Lines lines;
  RETURN_IF_ERROR(Gather(text, lines));
  LeapTable table;
  table.rows_ = lines.TakeRows();
  table.last_update_ = lines.update();
  table.expires_ = lines.expiry();
  table.hash_ = lines.has_hash() ? Hash::kGood : Hash::kAbsent;
  return table;
}

std::string LeapTable::HashLine(absl::string_view text) {
  Lines lines;
  if (!Gather(text, lines).ok()) return "";
  std::string out = "#h";
  for (const uint32_t word : Sha1(lines.HashInput())) {
    absl::StrAppendFormat(&out, " %08x", word);
  }
  return out;
}

absl::StatusOr<LeapTable> LeapTable::FromRows(std::span<const Row> rows,
                                              UtcTime last_update, UtcTime expires,
                                              Hash hash) {
  const auto ntp = [](UtcTime t) { return t.Split().seconds + kNtpToPosix; };
  std::string text = absl::StrCat("#$ ", ntp(last_update), "\n#@ ", ntp(expires), "\n");
  for (const Row& row : rows) {
    absl::StrAppend(&text, ntp(row.since), " ", row.offset, "\n");
  }
  auto table = Parse(text);
  if (table.ok()) table->hash_ = hash;
  return table;
}

size_t LeapTable::IndexAfter(TaiTime instant) const {
  const auto next =
      std::upper_bound(rows_.begin(), rows_.end(), instant,
                       [](TaiTime t, const Row& row) { return t < Start(row); });
  return static_cast<size_t>(next - rows_.begin());
}

std::optional<int> LeapTable::OffsetAt(TaiTime instant) const {
  const size_t next = IndexAfter(instant);
  if (next == 0) return std::nullopt;
  return rows_[next - 1].offset;
}

LeapIndicator LeapTable::PendingAt(TaiTime instant) const {
  const size_t next = IndexAfter(instant);
  // The first row begins the table; no leap second precedes it.
  if (next == 0 || next == rows_.size()) return LeapIndicator::kNone;
  if (Start(rows_[next]) - instant > TimeDelta::FromSeconds(kSecondsPerDay)) {
    return LeapIndicator::kNone;
  }
  return rows_[next].offset > rows_[next - 1].offset ? LeapIndicator::kInsert
                                                     : LeapIndicator::kDelete;
}

std::optional<LeapTable::Row> LeapTable::NextAfter(TaiTime instant) const {
  const size_t next = IndexAfter(instant);
  if (next == rows_.size()) return std::nullopt;
  return rows_[next];
}

bool LeapTable::JustLeaptAt(TaiTime instant) const {
  const size_t next = IndexAfter(instant);
  // The first row begins the table; no leap second precedes it.
  return next > 1 && instant - Start(rows_[next - 1]) < TimeDelta::FromSeconds(60);
}

bool LeapTable::ExpiredAt(TaiTime instant) const {
  return instant >= Start(Row{expires_, rows_.back().offset});
}

}  // namespace bridge
