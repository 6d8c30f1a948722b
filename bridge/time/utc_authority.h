// bridge/time/utc_authority.h
//
// The only road from TAI to UTC. It collects claims about TAI-UTC from sources
// that can each be wrong, and converts only when the policy is satisfied.
//
//   authority.Set(UtcClaim{.source = UtcSource::kAnnounce, .offset = 37, ...});
//   authority.Set(UtcClaim{.source = UtcSource::kLeapFile, .offset = 37, ...});
//   if (auto utc = authority.ToUtc(tai)) ...   // both agree: validated
//
// Policy `agree` (default): two independent sources agree and no valid claim
// differs. A default linuxptp grandmaster announces the right offset with
// currentUtcOffsetValid = 0, and an expired leap table is not a wrong one: claims
// that are not valid may confirm, but cannot outvote two others who agree.
// Independent of each other: announce, system-clock, gnss, pin, and leap-file with
// kernel as one. The whole table of verdicts: README.md of this room.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge {

enum class UtcSource {
  kAnnounce,     // The grandmaster's currentUtcOffset and leap flags.
  kLeapFile,     // leap-seconds.list.
  kKernel,       // The kernel's TAI offset (adjtimex; 0 = never set, no claim).
  kSystemClock,  // Whole-second check against a system clock that something
                 // other than us has synchronised.
  kGnss,         // gpsd's leapseconds + 19.
  kPin,          // The operator's word (policy "pin").
};
inline constexpr int kUtcSourceCount = 6;
const char* UtcSourceName(UtcSource source);  // "announce", "leap-file", ...

struct UtcClaim {
  UtcSource source;
  int offset;  // TAI-UTC, seconds.
  LeapIndicator pending = LeapIndicator::kNone;
  // Announce: currentUtcOffsetValid. Leap file: not expired. Others: true.
  bool valid = true;
};

enum class UtcPolicy {
  kAgree,
  kTrustGrandmaster,  // The Announce is believed alone if it says it is valid and
                      // no other source differs; else as kAgree.
  kPin,               // The operator's offset is used, unless a valid claim differs.
};

// What the timescale of an Announce with ptpTimescale = 0 carries.
enum class ArbitraryTimescale { kRefuse, kUtc, kTai };

enum class UtcVerdict {
  kUnknown,      // No source has claimed anything.
  kProvisional,  // One independent source only.
  kValidated,
  kContested,  // Two sources contradict each other.
  kExpired,    // The leap table alone, and it has expired.
  kArbitrary,  // ptpTimescale = 0 and utc.arbitrary_timescale = "refuse".
};
const char* UtcVerdictName(UtcVerdict verdict);

// TAI-UTC that has passed the policy. Only UtcAuthority makes one.
class ValidatedUtcOffset {
 public:
  int seconds() const { return seconds_; }

 private:
  friend class UtcAuthority;
  explicit ValidatedUtcOffset(int seconds) : seconds_(seconds) {}
  int seconds_;
};

class UtcAuthority {
 public:
  struct Settings {
    UtcPolicy policy = UtcPolicy::kAgree;
    std::optional<int> pin = std::nullopt;  // Present with policy kPin.
    ArbitraryTimescale arbitrary = ArbitraryTimescale::kRefuse;
  };

  explicit UtcAuthority(const Settings& settings);

  // Replaces the claim of claim.source. Without allocation.
  void Set(const UtcClaim& claim);
  void Withdraw(UtcSource source);

  // The flag ptpTimescale of the parent's Announce. When it is false (ARB),
  // Settings::arbitrary decides what an instant on the wire is: with kUtc it
  // already shows UTC and the offset in use is 0, validated by the operator's
  // word; a kSystemClock claim (the whole seconds by which the master's
  // timescale is ahead of the system clock: nearest to 0 here) may contradict.
  void SetPtpTimescale(bool ptp_timescale);

  UtcVerdict verdict() const;
  // The offset, if the policy is satisfied.
  std::optional<ValidatedUtcOffset> offset() const;
  // Agreed by two of Announce, leap table and GNSS, and not excluded by a table
  // that has not expired; else kNone: one false leap bit makes ntpd insert a leap
  // second at the month's end.
  LeapIndicator leap() const;
  // Present claims, in the order of UtcSource.
  std::vector<UtcClaim> claims() const;
  std::optional<UtcClaim> claim(UtcSource source) const;
  // For logs: "announce says 36, leap-file says 37"; empty unless contested.
  std::string Contradiction() const;

  // Converts, or nothing when offset() is nothing.
  std::optional<UtcTime> ToUtc(TaiTime instant) const;

  // Whether `instant` is so close to a UTC month's end at which some present
  // claim announces a leap second, or one has just happened, that its UTC is
  // ambiguous: 5 s on each side, and the leap second. False without an offset().
  bool NearLeap(TaiTime instant) const;

 private:
  Settings settings_;
  std::array<std::optional<UtcClaim>, kUtcSourceCount> claims_;
  bool ptp_timescale_ = true;
  // A source's offset changed by the leap second it had announced: its flag is
  // gone by then, but NearLeap() still has to know. Costs 10 s of silence at each
  // later month's end.
  bool leap_happened_ = false;
  // A valid Announce changed its offset with no leap second pending, which is a
  // fault: until it is withdrawn it is not believed alone.
  bool announce_jumped_ = false;
};

}  // namespace bridge
