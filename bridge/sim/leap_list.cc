#include "bridge/sim/leap_list.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/time/leap_table.h"

namespace bridge::sim {
namespace {

constexpr int64_t kNtpToPosix = 2'208'988'800;
constexpr int64_t kDay = 86'400;
constexpr int64_t k2017 = UnixSecond(absl::CivilSecond(2017, 1, 1));

int64_t NextMonth(int64_t now) {
  const absl::CivilMonth month(absl::CivilSecond(1970, 1, 1) + now);
  return UnixSecond(absl::CivilSecond(month + 1));
}

}  // namespace

const char* LeapListName(LeapList list) {
  switch (list) {
    case LeapList::kGood:
      return "good";
    case LeapList::kAbsent:
      return "absent";
    case LeapList::kExpired:
      return "expired";
    case LeapList::kIgnorant:
      return "ignorant";
    case LeapList::kInventsIt:
      return "invents";
    case LeapList::kTruncated:
      return "truncated";
  }
  return "";
}

std::string LeapListText(const LeapListFacts& facts) {
  std::string text = absl::StrFormat("#$ %d\n#@ %d\n", facts.last_update + kNtpToPosix,
                                     facts.expires + kNtpToPosix);
  for (const LeapListFacts::Row& row : facts.rows) {
    absl::StrAppendFormat(&text, "%d %d\n", row.since + kNtpToPosix, row.offset);
  }
  return absl::StrCat(LeapTable::HashLine(text), "\n", text);
}

absl::StatusOr<std::string> LeapListFile(LeapList list, const Truth& truth,
                                         int64_t now) {
  if (list == LeapList::kAbsent) return absl::NotFoundError("no such file");
  const int before = truth.OffsetAt(TaiTime());
  LeapListFacts facts{.rows = {{k2017, before}},
                      .last_update = now - 100 * kDay,
                      .expires = now + 200 * kDay};
  if (list == LeapList::kExpired) {
    facts.last_update -= 200 * kDay;
    facts.expires = now - 30 * kDay;
  }
  if (list == LeapList::kGood && truth.leap()) {
    facts.rows.push_back({truth.leap()->midnight, truth.OffsetAt(*truth.new_month())});
  }
  if (list == LeapList::kInventsIt) facts.rows.push_back({NextMonth(now), before + 1});
  std::string text = LeapListText(facts);
  if (list == LeapList::kTruncated) text.resize(text.size() - 4);
  return text;
}

}  // namespace bridge::sim
