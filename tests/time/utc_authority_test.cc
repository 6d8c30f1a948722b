#include "bridge/time/utc_authority.h"

#include <set>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using enum UtcSource;

static_assert(std::is_trivially_copyable_v<UtcClaim>, "Set() does not allocate");

constexpr int kTrue = 37;
constexpr auto kNow = MonoTime::FromNanos(1'000'000'000);
const UtcAuthority::Settings kAgreePolicy{};
const UtcAuthority::Settings kTrustPolicy{.policy = UtcPolicy::kTrustGrandmaster};
const UtcAuthority::Settings kPinPolicy{.policy = UtcPolicy::kPin, .pin = kTrue};
constexpr bool kUnflagged = false;
constexpr bool kExpiredTable = false;

UtcClaim Claim(UtcSource source, int offset, bool valid = true) {
  return {.source = source, .offset = offset, .valid = valid};
}

UtcAuthority With(const UtcAuthority::Settings& settings,
                  std::initializer_list<UtcClaim> claims) {
  UtcAuthority authority(settings);
  for (const UtcClaim& claim : claims) authority.Set(claim, kNow);
  return authority;
}

std::optional<int> Offset(const UtcAuthority& authority) {
  const auto offset = authority.offset();
  return offset ? std::optional(offset->seconds()) : std::nullopt;
}

UtcVerdict Verdict(std::initializer_list<UtcClaim> claims) {
  return With(kAgreePolicy, claims).verdict();
}

// ---- Named cases of policy `agree`.

TEST(UtcAuthority, KnowsNothingAtFirst) {
  const UtcAuthority authority(kAgreePolicy);

  EXPECT_EQ(authority.verdict(), UtcVerdict::kUnknown);
  EXPECT_EQ(Offset(authority), std::nullopt);
  EXPECT_EQ(authority.ToUtc(TaiTime()), std::nullopt);
  EXPECT_TRUE(authority.Witnesses().empty());
}

TEST(UtcAuthority, ConvertsOnceTwoSourcesAgree) {
  const auto authority =
      With(kAgreePolicy, {Claim(kAnnounce, kTrue), Claim(kLeapFile, kTrue)});

  EXPECT_EQ(authority.verdict(), UtcVerdict::kValidated);
  EXPECT_EQ(authority.ToUtc(TaiTime::FromNanos(40'000'000'001)),
            UtcTime::FromNanos(3'000'000'001));
}

TEST(UtcAuthority, BelievesADefaultLinuxptpGrandmasterThatTheTableConfirms) {
  EXPECT_EQ(Verdict({Claim(kAnnounce, 37, kUnflagged), Claim(kLeapFile, 37)}),
            UtcVerdict::kValidated);
}

TEST(UtcAuthority, BelievesAnUnflaggedAnnounceThatAnExpiredTableConfirms) {
  EXPECT_EQ(
      Verdict({Claim(kAnnounce, 37, kUnflagged), Claim(kLeapFile, 37, kExpiredTable)}),
      UtcVerdict::kValidated);
}

TEST(UtcAuthority, OneSourceAloneIsProvisional) {
  for (const UtcSource source : {kAnnounce, kLeapFile, kKernel, kSystemClock, kGnss}) {
    EXPECT_EQ(Verdict({Claim(source, 37)}), UtcVerdict::kProvisional)
        << UtcSourceName(source);
  }
  EXPECT_EQ(Verdict({Claim(kAnnounce, 37, kUnflagged)}), UtcVerdict::kProvisional);
}

TEST(UtcAuthority, AnExpiredTableAloneIsExpired) {
  EXPECT_EQ(Verdict({Claim(kLeapFile, 37, kExpiredTable)}), UtcVerdict::kExpired);
  EXPECT_EQ(Verdict({Claim(kLeapFile, 37, kExpiredTable), Claim(kKernel, 37)}),
            UtcVerdict::kProvisional);
}

TEST(UtcAuthority, TableAndKernelAreOneWitness) {
  EXPECT_EQ(Verdict({Claim(kLeapFile, 37), Claim(kKernel, 37)}),
            UtcVerdict::kProvisional);
  EXPECT_EQ(Verdict({Claim(kLeapFile, 37), Claim(kKernel, 36)}),
            UtcVerdict::kContested);
}

TEST(UtcAuthority, EveryLieOfAGrandmasterAgainstTheTableAloneIsSilence) {
  for (const int lie : {0, 36, 38}) {
    for (const bool flagged : {false, true}) {
      EXPECT_EQ(Verdict({Claim(kAnnounce, lie, flagged), Claim(kLeapFile, 37)}),
                UtcVerdict::kContested)
          << lie << flagged;
    }
  }
}

TEST(UtcAuthority, AnAnnounceCannotOutvoteTwoOthersOfWhomOneKnowsOfToday) {
  for (const int lie : {0, 36, 38}) {
    for (const bool flagged : {false, true}) {
      const UtcClaim announce = Claim(kAnnounce, lie, flagged);
      const UtcClaim system = Claim(kSystemClock, 37);
      EXPECT_EQ(Offset(With(kAgreePolicy, {announce, Claim(kLeapFile, 37), system})),
                37);
      EXPECT_EQ(Offset(With(kAgreePolicy, {announce, Claim(kKernel, 37), system})), 37);
      EXPECT_EQ(Verdict({announce, Claim(kLeapFile, 37, kExpiredTable),
                         Claim(kSystemClock, 37, false)}),
                UtcVerdict::kContested)
          << "two who know of the past only";
    }
  }
}

TEST(UtcAuthority, ASystemClockThatDiffersIsNeverOverruled) {
  EXPECT_EQ(
      Verdict({Claim(kAnnounce, 37), Claim(kLeapFile, 37), Claim(kSystemClock, 38)}),
      UtcVerdict::kContested);
}

TEST(UtcAuthority, AKernelThatDiffersIsOverruledByACurrentTableOnly) {
  EXPECT_EQ(Offset(With(kAgreePolicy, {Claim(kAnnounce, 37, kUnflagged),
                                       Claim(kLeapFile, 37), Claim(kKernel, 38)})),
            37);
  EXPECT_EQ(Verdict({Claim(kAnnounce, 37), Claim(kLeapFile, 37, kExpiredTable),
                     Claim(kKernel, 38)}),
            UtcVerdict::kContested);
}

TEST(UtcAuthority, AnnounceAndKernelMayBeOneVoiceAndNeedNobodyToDiffer) {
  // ptp4l writes what the master announces into the kernel.
  EXPECT_EQ(Verdict({Claim(kAnnounce, 38), Claim(kKernel, 38),
                     Claim(kRelease, 37, kExpiredTable)}),
            UtcVerdict::kContested);
}

TEST(UtcAuthority, AnExpiredTableCannotExcludeALaterLeapSecond) {
  EXPECT_EQ(Offset(With(kAgreePolicy, {Claim(kAnnounce, 38), Claim(kGnss, 38),
                                       Claim(kLeapFile, 37, kExpiredTable)})),
            38);
  EXPECT_EQ(Verdict({Claim(kAnnounce, 38), Claim(kGnss, 38), Claim(kLeapFile, 37)}),
            UtcVerdict::kContested)
      << "a table that has not expired can";
  EXPECT_EQ(Verdict({Claim(kAnnounce, 38), Claim(kLeapFile, 37, kExpiredTable)}),
            UtcVerdict::kContested)
      << "against one other it is word against word";
}

TEST(UtcAuthority, TheTwoBestSourcesOutvoteAStaleMasterAndAStaleTable) {
  // After a leap second that neither the operator of the master nor the table knew.
  EXPECT_EQ(Offset(With(kAgreePolicy, {Claim(kAnnounce, 37, kUnflagged),
                                       Claim(kLeapFile, 37, kExpiredTable),
                                       Claim(kSystemClock, 38), Claim(kGnss, 38)})),
            38);
}

TEST(UtcAuthority, ContradictionNamesTheParties) {
  auto authority = With(kAgreePolicy, {Claim(kAnnounce, 36), Claim(kLeapFile, 37)});
  ASSERT_EQ(authority.verdict(), UtcVerdict::kContested);
  EXPECT_EQ(authority.Dissent(), "announce says 36, leap-file says 37");

  authority.Set(Claim(kAnnounce, 37), kNow);
  ASSERT_EQ(authority.verdict(), UtcVerdict::kValidated);
  EXPECT_EQ(authority.Dissent(), "");
}

TEST(UtcAuthority, ForgetsAWithdrawnClaim) {
  auto authority =
      With(kAgreePolicy, {Claim(kAnnounce, 36), Claim(kLeapFile, 37, kExpiredTable),
                          Claim(kSystemClock, 37, false)});
  ASSERT_EQ(authority.verdict(), UtcVerdict::kContested);

  authority.Withdraw(kAnnounce);

  EXPECT_EQ(Offset(authority), 37);
  EXPECT_FALSE(authority.claim(kAnnounce));
  const auto witnesses = authority.Witnesses();
  ASSERT_EQ(witnesses.size(), 2u);
  EXPECT_EQ(witnesses[0].claim.source, kLeapFile);
  EXPECT_EQ(witnesses[1].claim.source, kSystemClock);
}

// ---- Other policies.

TEST(UtcAuthority, TrustedGrandmasterNeedsItsFlagAndNoContradiction) {
  EXPECT_EQ(Offset(With(kTrustPolicy, {Claim(kAnnounce, 37)})), 37);
  EXPECT_EQ(With(kTrustPolicy, {Claim(kAnnounce, 37, kUnflagged)}).verdict(),
            UtcVerdict::kProvisional);
  EXPECT_EQ(With(kTrustPolicy, {Claim(kAnnounce, 36), Claim(kLeapFile, 37)}).verdict(),
            UtcVerdict::kContested);
  EXPECT_EQ(
      With(kTrustPolicy, {Claim(kAnnounce, 36), Claim(kLeapFile, 37, kExpiredTable)})
          .verdict(),
      UtcVerdict::kContested);
}

TEST(UtcAuthority, TrustedGrandmasterLosesTrustWhenItsOffsetChangesWithoutALeap) {
  auto authority = With(kTrustPolicy, {Claim(kAnnounce, 37)});
  ASSERT_EQ(Offset(authority), 37);

  authority.Set(Claim(kAnnounce, 36), kNow);
  EXPECT_EQ(authority.verdict(), UtcVerdict::kProvisional);
  authority.Set(Claim(kAnnounce, 37), kNow);
  EXPECT_EQ(authority.verdict(), UtcVerdict::kProvisional) << "once is enough";
  authority.Set(Claim(kGnss, 37), kNow);
  EXPECT_EQ(Offset(authority), 37) << "another source confirms";

  authority.Withdraw(kGnss);
  authority.Withdraw(kAnnounce);
  authority.Set(Claim(kAnnounce, 37), kNow);
  EXPECT_EQ(Offset(authority), 37) << "another master";
}

TEST(UtcAuthority,
     TrustedGrandmasterMayAnnounceALeapSecondAndMayCorrectADisclaimedOffset) {
  auto leap = With(kTrustPolicy, {{kAnnounce, 37, LeapIndicator::kInsert}});
  leap.Set(Claim(kAnnounce, 38), kNow);
  EXPECT_EQ(Offset(leap), 38);

  auto boot = With(kTrustPolicy, {Claim(kAnnounce, 0, kUnflagged)});
  boot.Set(Claim(kAnnounce, 37), kNow);
  EXPECT_EQ(Offset(boot), 37);
}

TEST(UtcAuthority, PinIsEnoughUntilAValidClaimDiffers) {
  EXPECT_EQ(Offset(With(kPinPolicy, {})), 37);
  EXPECT_EQ(Offset(With(kPinPolicy, {Claim(kAnnounce, 0, kUnflagged),
                                     Claim(kLeapFile, 36, kExpiredTable)})),
            37);
  EXPECT_EQ(Offset(With(kPinPolicy, {Claim(kAnnounce, 36), Claim(kLeapFile, 37)})), 37)
      << "a current table and the pin agree";
  EXPECT_EQ(With(kPinPolicy, {Claim(kAnnounce, 36, kUnflagged),
                              Claim(kLeapFile, 36, kExpiredTable)})
                .verdict(),
            UtcVerdict::kContested)
      << "two others agree on something else";
  for (const UtcSource source : {kAnnounce, kLeapFile, kKernel, kSystemClock, kGnss}) {
    EXPECT_EQ(With(kPinPolicy, {Claim(source, 36)}).verdict(), UtcVerdict::kContested)
        << UtcSourceName(source);
  }
  EXPECT_EQ(With(kPinPolicy, {Claim(kAnnounce, 36)}).Dissent(),
            "announce says 36, pin says 37");
}

// ---- Arbitrary timescale.

UtcAuthority Arbitrary(ArbitraryTimescale carries,
                       std::initializer_list<UtcClaim> claims) {
  auto authority = With({.arbitrary = carries}, claims);
  authority.SetPtpTimescale(false);
  return authority;
}

TEST(UtcAuthority, RefusesAnArbitraryTimescaleWithoutTheOperatorsWord) {
  auto authority = Arbitrary(ArbitraryTimescale::kRefuse,
                             {Claim(kAnnounce, 37), Claim(kLeapFile, 37)});
  EXPECT_EQ(authority.verdict(), UtcVerdict::kArbitrary);
  EXPECT_EQ(Offset(authority), std::nullopt);

  authority.SetPtpTimescale(true);
  EXPECT_EQ(Offset(authority), 37);
}

TEST(UtcAuthority, AnArbitraryTimescaleThatCarriesUtcNeedsNoOffset) {
  const auto authority =
      Arbitrary(ArbitraryTimescale::kUtc,
                {Claim(kAnnounce, 37), Claim(kLeapFile, 36), Claim(kSystemClock, 0)});

  EXPECT_EQ(authority.verdict(), UtcVerdict::kValidated);
  EXPECT_EQ(authority.ToUtc(TaiTime::FromNanos(5)), UtcTime::FromNanos(5));
}

TEST(UtcAuthority, TheSystemClockMayContradictThatTheTimescaleCarriesUtc) {
  const auto authority = Arbitrary(ArbitraryTimescale::kUtc, {Claim(kSystemClock, 37)});

  EXPECT_EQ(authority.verdict(), UtcVerdict::kContested);
  EXPECT_EQ(authority.Dissent(), "arbitrary-timescale says 0, system-clock says 37");
}

TEST(UtcAuthority, AnArbitraryTimescaleThatCarriesTaiIsJudgedAsUsual) {
  EXPECT_EQ(Offset(Arbitrary(ArbitraryTimescale::kTai,
                             {Claim(kAnnounce, 37), Claim(kLeapFile, 37)})),
            37);
  EXPECT_EQ(Arbitrary(ArbitraryTimescale::kTai, {Claim(kAnnounce, 37)}).verdict(),
            UtcVerdict::kProvisional);
}

// ---- Every combination against an oracle.

// The principles once more, as sets and sentences rather than as a program.
bool KnowsOfToday(const UtcClaim& c) {
  return c.valid && (c.source == kLeapFile || c.source == kRelease ||
                     c.source == kSystemClock || c.source == kGnss);
}
std::string PartyOf(const UtcClaim& c) {
  return c.source == kKernel || c.source == kRelease ? "leap-file"
                                                     : UtcSourceName(c.source);
}
std::optional<int> ExpectedAgreement(const std::vector<UtcClaim>& claims) {
  for (const int value : {37, 38}) {
    std::set<std::string> parties;
    bool anchored = false;
    bool any_other = false;
    bool anchored_other = false;
    for (const UtcClaim& c : claims) {
      if (c.offset == value) {
        parties.insert(PartyOf(c));
        anchored |= KnowsOfToday(c);
      } else {
        any_other = true;
        anchored_other |= KnowsOfToday(c);
      }
    }
    const bool undisputed = anchored ? !anchored_other : !any_other;
    if (parties.size() >= 2 && undisputed) return value;
  }
  return std::nullopt;
}

UtcVerdict Expected(UtcPolicy policy, const std::vector<UtcClaim>& claims) {
  std::set<int> values;
  std::set<int> valid_values;
  bool expired_tables_only = true;
  const UtcClaim* announce = nullptr;
  const UtcClaim* pin = nullptr;
  for (const UtcClaim& c : claims) {
    values.insert(c.offset);
    if (c.valid) valid_values.insert(c.offset);
    if (c.source == kAnnounce) announce = &c;
    if (c.source == kPin) pin = &c;
    expired_tables_only &= (c.source == kLeapFile || c.source == kRelease) && !c.valid;
  }
  const auto agreed = ExpectedAgreement(claims);
  if (policy == UtcPolicy::kPin) {
    if (pin == nullptr) return UtcVerdict::kUnknown;
    std::vector<UtcClaim> others;
    for (const UtcClaim& c : claims) {
      if (c.source != kPin) others.push_back(c);
    }
    const auto otherwise = ExpectedAgreement(others);
    const bool good = (!otherwise || *otherwise == pin->offset) &&
                      (agreed == pin->offset || valid_values.size() == 1);
    return good ? UtcVerdict::kValidated : UtcVerdict::kContested;
  }
  if (values.empty()) return UtcVerdict::kUnknown;
  const bool trusted =
      policy == UtcPolicy::kTrustGrandmaster && announce != nullptr && announce->valid;
  if (agreed || (trusted && values.size() == 1)) return UtcVerdict::kValidated;
  if (values.size() == 2) return UtcVerdict::kContested;
  return expired_tables_only ? UtcVerdict::kExpired : UtcVerdict::kProvisional;
}

// Claims of every source: absent, 37 or 38, and valid or not where that exists.
std::vector<std::vector<UtcClaim>> AllCombinations() {
  std::vector<std::vector<UtcClaim>> all{{}};
  for (int i = 0; i < kUtcSourceCount; ++i) {
    const auto source = static_cast<UtcSource>(i);
    std::vector<UtcClaim> choices{Claim(source, 37), Claim(source, 38)};
    if (source == kAnnounce || source == kLeapFile || source == kRelease ||
        source == kSystemClock) {
      choices.push_back(Claim(source, 37, false));
      choices.push_back(Claim(source, 38, false));
    }
    const auto shorter = all;
    for (const auto& claims : shorter) {
      for (const UtcClaim& choice : choices) {
        all.push_back(claims);
        all.back().push_back(choice);
      }
    }
  }
  return all;
}

TEST(UtcAuthority, JudgesEveryCombinationOfClaimsByThePrinciples) {
  const auto all = AllCombinations();
  ASSERT_EQ(all.size(), 5u * 5 * 5 * 5 * 3 * 3 * 3);
  std::multiset<UtcVerdict> seen;
  for (const UtcPolicy policy :
       {UtcPolicy::kAgree, UtcPolicy::kTrustGrandmaster, UtcPolicy::kPin}) {
    for (const auto& claims : all) {
      UtcAuthority authority({.policy = policy});
      std::string text = absl::StrCat("policy ", static_cast<int>(policy), ":");
      for (const UtcClaim& c : claims) {
        authority.Set(c, kNow);
        absl::StrAppend(&text, " ", UtcSourceName(c.source), " ", c.offset,
                        c.valid ? "" : "?");
      }
      const UtcVerdict expected = Expected(policy, claims);
      ASSERT_EQ(authority.verdict(), expected) << text;
      ASSERT_EQ(authority.offset().has_value(), expected == UtcVerdict::kValidated);
      ASSERT_TRUE(expected != UtcVerdict::kContested || !authority.Dissent().empty());
      for (const auto& witness : authority.Witnesses()) {
        const bool same =
            authority.offset() && witness.claim.offset == authority.offset()->seconds();
        ASSERT_EQ(witness.part == ClaimPart::kVouches, same) << text;
      }
      seen.insert(expected);
    }
  }
  for (const UtcVerdict verdict :
       {UtcVerdict::kUnknown, UtcVerdict::kProvisional, UtcVerdict::kValidated,
        UtcVerdict::kContested, UtcVerdict::kExpired}) {
    EXPECT_GT(seen.count(verdict), 0u) << UtcVerdictName(verdict);
  }
}

// ---- Leap seconds.

// 2028-07-01 00:00:00 UTC.
constexpr int64_t kMonth = 1'846'022'400;

// The TAI instant at which `offset` shows `utc_seconds`.
TaiTime Showing(int64_t utc_seconds, int offset) {
  return TaiTime() + TimeDelta::FromSeconds(utc_seconds + offset);
}
constexpr TimeDelta kNanosecond = TimeDelta::FromNanos(1);
const TaiTime kEve = Showing(kMonth - 3'600, kTrue);

UtcClaim Pending(UtcSource source, LeapIndicator pending, bool valid = true) {
  return {.source = source, .offset = kTrue, .pending = pending, .valid = valid};
}
constexpr auto kInsert = LeapIndicator::kInsert;
constexpr auto kNone = LeapIndicator::kNone;

LeapIndicator LeapOf(std::initializer_list<UtcClaim> claims) {
  return With(kAgreePolicy, claims).LeapAt(kEve);
}

TEST(UtcAuthority, ALeapBitNeedsTwoWitnesses) {
  for (const auto leap : {LeapIndicator::kInsert, LeapIndicator::kDelete}) {
    for (const UtcSource source : {kAnnounce, kLeapFile, kGnss, kKernel}) {
      EXPECT_EQ(LeapOf({Pending(source, leap), Pending(kSystemClock, kNone)}), kNone);
    }
    EXPECT_EQ(LeapOf({Pending(kAnnounce, leap), Pending(kLeapFile, leap)}), leap);
    EXPECT_EQ(LeapOf({Pending(kAnnounce, leap), Pending(kGnss, leap)}), leap);
    EXPECT_EQ(LeapOf({Pending(kLeapFile, leap), Pending(kGnss, leap)}), leap);
    EXPECT_EQ(LeapOf({Pending(kAnnounce, leap), Pending(kKernel, leap)}), kNone)
        << "the kernel has it from us";
  }
}

TEST(UtcAuthority, ALeapBitGoesOutOnTheLastDayOfAMonthOnly) {
  const auto authority =
      With(kAgreePolicy, {Pending(kAnnounce, kInsert), Pending(kLeapFile, kInsert)});
  EXPECT_EQ(authority.LeapAt(Showing(kMonth - 86'400, kTrue) - kNanosecond), kNone);
  EXPECT_EQ(authority.LeapAt(Showing(kMonth - 86'400, kTrue)), kInsert);
  EXPECT_EQ(authority.LeapAt(Showing(kMonth - 1, kTrue)), kInsert);
  EXPECT_EQ(authority.LeapAt(Showing(kMonth, kTrue)), kNone);
}

TEST(UtcAuthority, ACurrentTableWithoutALeapSecondExcludesIt) {
  EXPECT_EQ(LeapOf({Pending(kAnnounce, kInsert), Pending(kGnss, kInsert),
                    Pending(kLeapFile, kNone)}),
            kNone);
  EXPECT_EQ(LeapOf({Pending(kAnnounce, kInsert), Pending(kGnss, kInsert),
                    Pending(kLeapFile, kNone, kExpiredTable)}),
            kInsert);
}

TEST(UtcAuthority, OppositeLeapFlagsCancel) {
  EXPECT_EQ(LeapOf({Pending(kAnnounce, kInsert), Pending(kGnss, kInsert),
                    Pending(kLeapFile, LeapIndicator::kDelete)}),
            kNone);
}

TEST(UtcAuthority, IsSilentForFiveSecondsAndMoreOnEachSideOfALeapSecond) {
  for (const auto leap : {LeapIndicator::kInsert, LeapIndicator::kDelete}) {
    auto authority =
        With(kAgreePolicy, {Pending(kAnnounce, leap), Pending(kLeapFile, leap)});
    authority.Advance(kEve);
    const auto hold = [&](TaiTime at) { return authority.Hold(at); };

    EXPECT_EQ(hold(Showing(kMonth - 6, kTrue) - kNanosecond), LeapHold::kNone);
    EXPECT_EQ(hold(Showing(kMonth - 6, kTrue)), LeapHold::kNear);
    EXPECT_EQ(hold(Showing(kMonth, kTrue)), LeapHold::kNear);  // 23:59:60 if inserted.
    EXPECT_EQ(hold(Showing(kMonth + 7, kTrue) - kNanosecond), LeapHold::kNear);
    EXPECT_EQ(authority.NextSilence(kEve), Showing(kMonth - 6, kTrue));
    EXPECT_EQ(hold(Showing(kMonth + 7, kTrue)), LeapHold::kUnconfirmed)
        << "the old offset is not believed after a leap second";
  }
}

TEST(UtcAuthority, OneFlagIsEnoughForSilenceAtTheMonthsEndAndNowhereElse) {
  auto authority =
      With(kAgreePolicy, {Pending(kAnnounce, kInsert), Pending(kLeapFile, kNone)});
  authority.Advance(kEve);

  ASSERT_EQ(authority.LeapAt(kEve), kNone);
  EXPECT_EQ(authority.Hold(Showing(kMonth, kTrue)), LeapHold::kNear);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 86'400, kTrue)), LeapHold::kNone);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 10, kTrue)), LeapHold::kNone)
      << "a current table knows that there was none";
}

TEST(UtcAuthority, AMonthsEndThatACurrentTableCallsOrdinaryIsOrdinary) {
  const auto current = With(kAgreePolicy, {Claim(kAnnounce, 37), Claim(kLeapFile, 37)});
  EXPECT_EQ(current.Hold(Showing(kMonth, 37)), LeapHold::kNone);
  EXPECT_EQ(current.NextSilence(kEve), std::nullopt);
}

TEST(UtcAuthority, AMonthsEndThatNobodyKnowsAboutIsSilentForSomeSeconds) {
  const auto authority =
      With(kAgreePolicy, {Claim(kAnnounce, 37), Claim(kLeapFile, 37, kExpiredTable)});
  ASSERT_EQ(Offset(authority), 37);
  EXPECT_EQ(authority.Hold(Showing(kMonth, 37)), LeapHold::kNear);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 7, 37)), LeapHold::kNone);
  EXPECT_EQ(authority.Hold(Showing(kMonth - 7, 37)), LeapHold::kNone);
}

TEST(UtcAuthority, ASlowAnnounceProlongsTheSilenceUntilItMustHaveBeenRenewed) {
  auto authority =
      With(kAgreePolicy, {Claim(kAnnounce, 37), Claim(kLeapFile, 37, kExpiredTable)});
  authority.SetAnnounceInterval(absl::Seconds(16));
  EXPECT_EQ(authority.Hold(Showing(kMonth + 49, 37)), LeapHold::kNear);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 50, 37)), LeapHold::kNone);
}

TEST(UtcAuthority, AfterARestartATableStillKnowsThatALeapSecondJustWas) {
  UtcClaim table = Claim(kLeapFile, 38);
  table.just_leapt = true;
  const auto authority = With(kAgreePolicy, {Claim(kAnnounce, 38), table});
  EXPECT_EQ(authority.Hold(Showing(kMonth + 3, 38)), LeapHold::kNear);
}

// One leap second from the hour before to the minute after: who publishes what.
TEST(UtcAuthority, PassesThroughALeapSecondWithoutAWrongSecond) {
  for (const int step : {+1, -1}) {
    const auto leap = step > 0 ? LeapIndicator::kInsert : LeapIndicator::kDelete;
    const int after = kTrue + step;
    auto authority =
        With(kAgreePolicy, {Pending(kAnnounce, leap), Pending(kLeapFile, leap)});
    authority.Advance(kEve);
    EXPECT_EQ(authority.ToUtc(Showing(kMonth - 60, kTrue)),
              UtcTime() + TimeDelta::FromSeconds(kMonth - 60));

    // The table changes at once, the Announce up to two intervals later.
    UtcClaim table = Claim(kLeapFile, after);
    table.just_leapt = true;
    authority.Set(table, kNow);
    EXPECT_EQ(authority.verdict(), UtcVerdict::kContested);
    authority.Set(Claim(kAnnounce, after), kNow);
    authority.Advance(Showing(kMonth + 4, after));

    ASSERT_EQ(Offset(authority), after);
    EXPECT_EQ(authority.LeapAt(Showing(kMonth + 4, after)), kNone);
    EXPECT_EQ(authority.Hold(Showing(kMonth + 4, after)), LeapHold::kNear);
    EXPECT_EQ(authority.Hold(Showing(kMonth + 7, after)), LeapHold::kNone);
    EXPECT_EQ(authority.ToUtc(Showing(kMonth + 7, after)),
              UtcTime() + TimeDelta::FromSeconds(kMonth + 7));
  }
}

// The master announces it, the table has expired and knows nothing.
UtcAuthority AnnouncedAlone() {
  auto authority = With(kAgreePolicy, {Pending(kAnnounce, kInsert, kUnflagged),
                                       Claim(kLeapFile, kTrue, kExpiredTable)});
  authority.Advance(kEve);
  authority.Advance(Showing(kMonth - 1, kTrue));
  return authority;
}

TEST(UtcAuthority, AMasterThatAnnouncedALeapSecondAndKeepsItsOffsetIsNotBelieved) {
  for (const auto flag : {kInsert, kNone}) {  // Cleared never, or at midnight.
    auto authority = AnnouncedAlone();
    authority.Set(Pending(kAnnounce, flag, kUnflagged), kNow);
    const TaiTime later = Showing(kMonth + 600, kTrue);
    authority.Advance(later);
    ASSERT_EQ(Offset(authority), kTrue) << "two agree, but both may be late";
    EXPECT_EQ(authority.Hold(later), LeapHold::kUnconfirmed);

    authority.Set(Claim(kLeapFile, kTrue), kNow);  // Renewed: there was none.
    EXPECT_EQ(authority.Hold(later), LeapHold::kNone);
    authority.Advance(later);
    authority.Set(Claim(kLeapFile, kTrue, kExpiredTable), kNow);
    EXPECT_EQ(authority.Hold(later),
              flag == kNone ? LeapHold::kNone : LeapHold::kUnconfirmed)
        << "what is settled stays so, unless it is announced still";
  }
}

TEST(UtcAuthority, OneWhoHasJustStartedTakesAFlagEarlyInAMonthForALateOne) {
  const auto authority = With(kAgreePolicy, {Pending(kAnnounce, kInsert, kUnflagged),
                                             Claim(kLeapFile, kTrue, kExpiredTable)});
  ASSERT_EQ(Offset(authority), kTrue);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 43'199, kTrue)), LeapHold::kUnconfirmed);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 43'200, kTrue)), LeapHold::kNone);
}

TEST(UtcAuthority, AFlagClearedShortlyBeforeMidnightStillCounts) {
  auto authority = AnnouncedAlone();
  authority.Set(Claim(kAnnounce, kTrue, kUnflagged), kNow);
  EXPECT_EQ(authority.Hold(Showing(kMonth + 60, kTrue)), LeapHold::kUnconfirmed);
}

TEST(UtcAuthority, AFlagTakenBackAnHourBeforeMidnightWasAMistake) {
  auto authority = With(kAgreePolicy, {Pending(kAnnounce, kInsert, kUnflagged),
                                       Claim(kLeapFile, kTrue, kExpiredTable)});
  authority.Advance(Showing(kMonth - 7'300, kTrue));
  authority.Set(Claim(kAnnounce, kTrue, kUnflagged), kNow);
  authority.Advance(Showing(kMonth - 10, kTrue));
  EXPECT_EQ(authority.Hold(Showing(kMonth + 60, kTrue)), LeapHold::kNone);
}

TEST(UtcAuthority, AFlagOnAnOrdinaryDayMeansNothing) {
  auto authority = With(kAgreePolicy, {Pending(kAnnounce, kInsert, kUnflagged),
                                       Claim(kLeapFile, kTrue, kExpiredTable)});
  const TaiTime ordinary = Showing(kMonth - 10 * 86'400, kTrue);
  authority.Advance(ordinary);
  EXPECT_EQ(authority.Hold(ordinary), LeapHold::kNone);
  EXPECT_EQ(authority.LeapAt(ordinary), kNone);
}

TEST(UtcAuthority, NamesAreThoseOfTheStatusReport) {
  EXPECT_STREQ(UtcSourceName(kAnnounce), "announce");
  EXPECT_STREQ(UtcSourceName(kLeapFile), "leap-file");
  EXPECT_STREQ(UtcSourceName(kRelease), "release");
  EXPECT_STREQ(UtcSourceName(kKernel), "kernel");
  EXPECT_STREQ(UtcSourceName(kSystemClock), "system-clock");
  EXPECT_STREQ(UtcSourceName(kGnss), "gnss");
  EXPECT_STREQ(UtcSourceName(kPin), "pin");
  EXPECT_STREQ(UtcVerdictName(UtcVerdict::kValidated), "validated");
  EXPECT_STREQ(UtcVerdictName(UtcVerdict::kArbitrary), "arbitrary");
}

}  // namespace
}  // namespace bridge
