// bridge/time/utc_authority.h
//
// The only road from TAI to UTC. It collects claims about TAI-UTC from sources
// that can each be wrong, and converts only when the policy is satisfied and no
// leap second makes UTC ambiguous.
//
//   authority.Set({.source = UtcSource::kAnnounce, .offset = 37, ...}, now);
//   authority.Set({.source = UtcSource::kLeapFile, .offset = 37, ...}, now);
//   authority.Advance(tai);
//   if (auto utc = authority.ToUtc(tai)) ...   // both agree: validated
//
// Which claims are believed: utc_verdict.h. What is done around a month's end:
// leap_watch.h. Why: README.md of this room.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/time/leap_watch.h"
#include "bridge/time/timestamp.h"
#include "bridge/time/utc_claim.h"
#include "bridge/time/utc_verdict.h"

namespace bridge {

// TAI-UTC that has passed the policy. Only UtcAuthority makes one.
class ValidatedUtcOffset {
 public:
  int seconds() const { return seconds_; }

 private:
  friend class UtcAuthority;
  explicit ValidatedUtcOffset(int seconds) : seconds_(seconds) {}
  int seconds_;
};

// Why a validated offset is not used at an instant.
enum class LeapHold {
  kNone,
  kNear,         // Within seconds of a month's end that may have a leap second.
  kUnconfirmed,  // One was announced, the month is over, the new offset isn't there.
};

class UtcAuthority {
 public:
  struct Settings {
    UtcPolicy policy = UtcPolicy::kAgree;
    std::optional<int> pin = std::nullopt;  // Present with policy kPin.
    ArbitraryTimescale arbitrary = ArbitraryTimescale::kRefuse;
  };

  explicit UtcAuthority(const Settings& settings);

  // Replaces the claim of claim.source, heard at `now`. Without allocation.
  void Set(const UtcClaim& claim, MonoTime now);
  void Withdraw(UtcSource source);

  // The flag ptpTimescale of the parent's Announce. When it is false (ARB),
  // Settings::arbitrary decides what an instant on the wire is: with kUtc it
  // already shows UTC and the offset in use is 0, validated by the operator's
  // word; a kSystemClock claim (the whole seconds by which the master's
  // timescale is ahead of the system clock: nearest to 0 here) may contradict.
  void SetPtpTimescale(bool ptp_timescale);
  // How often the Announce is renewed: silence after a month's end lasts until it
  // must have been.
  void SetAnnounceInterval(absl::Duration interval);

  // What time it is now, by the master: remembers announced leap seconds. About
  // once a second.
  void Advance(TaiTime now);

  UtcVerdict verdict() const { return judged_.verdict; }
  // The offset, if the policy is satisfied.
  std::optional<ValidatedUtcOffset> offset() const;
  bool wire_is_utc() const;

  // Converts, or nothing when offset() is nothing. Ask Hold() too.
  std::optional<UtcTime> ToUtc(TaiTime instant) const;
  LeapHold Hold(TaiTime instant) const;
  // When Hold() next becomes kNear, unless claims change.
  std::optional<TaiTime> NextSilence(TaiTime now) const;
  // For consumers: agreed by two of Announce, leap table and GNSS, not excluded by
  // a table that has not expired, and within the last day of a month; else kNone:
  // one false leap bit makes ntpd insert a leap second at the month's end.
  LeapIndicator LeapAt(TaiTime instant) const;

  // Present claims, in the order of UtcSource, and their parts in the verdict.
  struct Witness {
    UtcClaim claim;
    MonoTime heard;
    ClaimPart part;
  };
  std::vector<Witness> Witnesses() const;
  const std::optional<UtcClaim>& claim(UtcSource source) const;
  // For logs: "announce says 36, leap-file says 37"; empty if all are of one mind.
  std::string Dissent() const;

 private:
  void Judge();
  LeapWatch::Opinion OpinionOf() const;
  LeapIndicator Flagged() const;

  UtcRules rules_;
  UtcClaims claims_;
  std::array<MonoTime, kUtcSourceCount> heard_;
  MasterTimescale master_;
  UtcJudgement judged_;  // Of these claims.
  LeapWatch watch_;
};

}  // namespace bridge
