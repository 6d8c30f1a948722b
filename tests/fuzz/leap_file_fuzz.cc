// Any octets as leap-seconds.list. What is accepted must answer sensibly.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bridge/time/leap_table.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto table = bridge::LeapTable::Parse(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!table.ok()) {
    Require(!table.status().message().empty());
    return 0;
  }
  Require(!table->rows().empty());
  Require(!table->OffsetAt(bridge::TaiTime()));
  for (const auto& row : table->rows()) {
    const auto start = bridge::TaiTime() + row.since.SinceEpoch() +
                       bridge::TimeDelta::FromSeconds(row.offset);
    const auto before = start - bridge::TimeDelta::FromNanos(1);
    Require(table->OffsetAt(start) == row.offset);
    Require(table->OffsetAt(before) != row.offset);
    Require(table->NextAfter(before)->offset == row.offset);
    const bool first = &row == table->rows().data();
    Require((table->PendingAt(before) == bridge::LeapIndicator::kNone) == first);
    (void)table->ExpiredAt(start);
  }
  return 0;
}
