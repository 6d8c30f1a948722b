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
  for (const UtcClaim& claim : claims) authority.Set(claim);
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
  EXPECT_TRUE(authority.claims().empty());
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

TEST(UtcAuthority, AnUnflaggedAnnounceCannotOutvoteTwoOthers) {
  for (const int lie : {0, 36, 38}) {
    EXPECT_EQ(
        Offset(With(kAgreePolicy, {Claim(kAnnounce, lie, kUnflagged),
                                   Claim(kLeapFile, 37), Claim(kSystemClock, 37)})),
        37);
    EXPECT_EQ(
        Verdict({Claim(kAnnounce, lie), Claim(kLeapFile, 37), Claim(kSystemClock, 37)}),
        UtcVerdict::kContested)
        << "flagged, it contradicts";
  }
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
  EXPECT_EQ(authority.Contradiction(), "announce says 36, leap-file says 37");

  authority.Set(Claim(kAnnounce, 37));
  ASSERT_EQ(authority.verdict(), UtcVerdict::kValidated);
  EXPECT_EQ(authority.Contradiction(), "");
}

TEST(UtcAuthority, ForgetsAWithdrawnClaim) {
  auto authority = With(kAgreePolicy, {Claim(kAnnounce, 36), Claim(kLeapFile, 37),
                                       Claim(kSystemClock, 37)});
  ASSERT_EQ(authority.verdict(), UtcVerdict::kContested);

  authority.Withdraw(kAnnounce);

  EXPECT_EQ(Offset(authority), 37);
  EXPECT_FALSE(authority.claim(kAnnounce));
  ASSERT_EQ(authority.claims().size(), 2u);
  EXPECT_EQ(authority.claims()[0].source, kLeapFile);
  EXPECT_EQ(authority.claims()[1].source, kSystemClock);
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

  authority.Set(Claim(kAnnounce, 36));
  EXPECT_EQ(authority.verdict(), UtcVerdict::kProvisional);
  authority.Set(Claim(kAnnounce, 37));
  EXPECT_EQ(authority.verdict(), UtcVerdict::kProvisional) << "once is enough";
  authority.Set(Claim(kGnss, 37));
  EXPECT_EQ(Offset(authority), 37) << "another source confirms";

  authority.Withdraw(kGnss);
  authority.Withdraw(kAnnounce);
  authority.Set(Claim(kAnnounce, 37));
  EXPECT_EQ(Offset(authority), 37) << "another master";
}

TEST(UtcAuthority,
     TrustedGrandmasterMayAnnounceALeapSecondAndMayCorrectADisclaimedOffset) {
  auto leap = With(kTrustPolicy, {{kAnnounce, 37, LeapIndicator::kInsert}});
  leap.Set(Claim(kAnnounce, 38));
  EXPECT_EQ(Offset(leap), 38);

  auto boot = With(kTrustPolicy, {Claim(kAnnounce, 0, kUnflagged)});
  boot.Set(Claim(kAnnounce, 37));
  EXPECT_EQ(Offset(boot), 37);
}

TEST(UtcAuthority, PinIsEnoughUntilAValidClaimDiffers) {
  EXPECT_EQ(Offset(With(kPinPolicy, {})), 37);
  EXPECT_EQ(Offset(With(kPinPolicy, {Claim(kAnnounce, 0, kUnflagged),
                                     Claim(kLeapFile, 36, kExpiredTable)})),
            37);
  for (const UtcSource source : {kAnnounce, kLeapFile, kKernel, kSystemClock, kGnss}) {
    EXPECT_EQ(With(kPinPolicy, {Claim(source, 36)}).verdict(), UtcVerdict::kContested)
        << UtcSourceName(source);
  }
  EXPECT_EQ(With(kPinPolicy, {Claim(kAnnounce, 36)}).Contradiction(),
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
  EXPECT_EQ(authority.Contradiction(),
            "arbitrary-timescale says 0, system-clock says 37");
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
UtcVerdict Expected(UtcPolicy policy, const std::vector<UtcClaim>& claims) {
  std::set<int> values;
  std::set<int> valid_values;
  std::multiset<int> independent;
  std::set<std::pair<int, std::string>> counted;
  const UtcClaim* announce = nullptr;
  const UtcClaim* pin = nullptr;
  for (const UtcClaim& c : claims) {
    values.insert(c.offset);
    if (c.valid) valid_values.insert(c.offset);
    const std::string party =
        c.source == kKernel ? "leap-file" : UtcSourceName(c.source);
    if (counted.insert({c.offset, party}).second) independent.insert(c.offset);
    if (c.source == kAnnounce) announce = &c;
    if (c.source == kPin) pin = &c;
  }
  if (policy == UtcPolicy::kPin) {
    if (pin == nullptr) return UtcVerdict::kUnknown;
    return valid_values == std::set{pin->offset} ? UtcVerdict::kValidated
                                                 : UtcVerdict::kContested;
  }
  if (values.empty()) return UtcVerdict::kUnknown;
  const bool trusted =
      policy == UtcPolicy::kTrustGrandmaster && announce != nullptr && announce->valid;
  if (values.size() == 1) {
    if (trusted || independent.size() >= 2) return UtcVerdict::kValidated;
    return claims.size() == 1 && claims[0].source == kLeapFile && !claims[0].valid
               ? UtcVerdict::kExpired
               : UtcVerdict::kProvisional;
  }
  // Somebody differs. All who are valid must be of one opinion, which two share.
  if (valid_values.size() == 1 && independent.count(*valid_values.begin()) >= 2) {
    return UtcVerdict::kValidated;
  }
  return UtcVerdict::kContested;
}

// Claims of every source: absent, 37 or 38, and valid or not where that exists.
std::vector<std::vector<UtcClaim>> AllCombinations() {
  std::vector<std::vector<UtcClaim>> all{{}};
  for (int i = 0; i < kUtcSourceCount; ++i) {
    const auto source = static_cast<UtcSource>(i);
    std::vector<UtcClaim> choices{Claim(source, 37), Claim(source, 38)};
    if (source == kAnnounce || source == kLeapFile) {
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
  ASSERT_EQ(all.size(), 5u * 5 * 3 * 3 * 3 * 3);
  std::multiset<UtcVerdict> seen;
  for (const UtcPolicy policy :
       {UtcPolicy::kAgree, UtcPolicy::kTrustGrandmaster, UtcPolicy::kPin}) {
    for (const auto& claims : all) {
      UtcAuthority authority({.policy = policy});
      std::string text = absl::StrCat("policy ", static_cast<int>(policy), ":");
      for (const UtcClaim& c : claims) {
        authority.Set(c);
        absl::StrAppend(&text, " ", UtcSourceName(c.source), " ", c.offset,
                        c.valid ? "" : "?");
      }
      const UtcVerdict expected = Expected(policy, claims);
      ASSERT_EQ(authority.verdict(), expected) << text;
      ASSERT_EQ(authority.offset().has_value(), expected == UtcVerdict::kValidated);
      ASSERT_EQ(authority.Contradiction().empty(), expected != UtcVerdict::kContested);
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

UtcClaim Pending(UtcSource source, LeapIndicator pending, bool valid = true) {
  return {.source = source, .offset = kTrue, .pending = pending, .valid = valid};
}

LeapIndicator LeapOf(std::initializer_list<UtcClaim> claims) {
  return With(kAgreePolicy, claims).leap();
}

TEST(UtcAuthority, ALeapBitNeedsTwoWitnesses) {
  for (const auto leap : {LeapIndicator::kInsert, LeapIndicator::kDelete}) {
    for (const UtcSource source : {kAnnounce, kLeapFile, kGnss, kKernel}) {
      EXPECT_EQ(LeapOf({Pending(source, leap)}), LeapIndicator::kNone);
    }
    EXPECT_EQ(LeapOf({Pending(kAnnounce, leap), Pending(kLeapFile, leap)}), leap);
    EXPECT_EQ(LeapOf({Pending(kAnnounce, leap), Pending(kGnss, leap)}), leap);
    EXPECT_EQ(LeapOf({Pending(kLeapFile, leap), Pending(kGnss, leap)}), leap);
    EXPECT_EQ(LeapOf({Pending(kAnnounce, leap), Pending(kKernel, leap)}),
              LeapIndicator::kNone)
        << "the kernel has it from us";
  }
}

TEST(UtcAuthority, ALoneLeapFlagOfTheGrandmasterChangesNothing) {
  const auto authority = With(kAgreePolicy, {Pending(kAnnounce, LeapIndicator::kInsert),
                                             Pending(kLeapFile, LeapIndicator::kNone)});

  EXPECT_EQ(authority.leap(), LeapIndicator::kNone);
  EXPECT_EQ(Offset(authority), kTrue);
}

TEST(UtcAuthority, AnUnexpiredTableWithoutALeapSecondExcludesIt) {
  const auto kInsert = LeapIndicator::kInsert;
  EXPECT_EQ(LeapOf({Pending(kAnnounce, kInsert), Pending(kGnss, kInsert),
                    Pending(kLeapFile, LeapIndicator::kNone)}),
            LeapIndicator::kNone);
  EXPECT_EQ(LeapOf({Pending(kAnnounce, kInsert), Pending(kGnss, kInsert),
                    Pending(kLeapFile, LeapIndicator::kNone, kExpiredTable)}),
            kInsert);
}

TEST(UtcAuthority, OppositeLeapFlagsCancel) {
  EXPECT_EQ(LeapOf({Pending(kAnnounce, LeapIndicator::kInsert),
                    Pending(kGnss, LeapIndicator::kInsert),
                    Pending(kLeapFile, LeapIndicator::kDelete)}),
            LeapIndicator::kNone);
}

// 2028-07-01 00:00:00 UTC.
constexpr int64_t kMonth = 1'846'022'400;

// The TAI instant at which `offset` shows `utc_seconds`.
TaiTime Showing(int64_t utc_seconds, int offset) {
  return TaiTime() + TimeDelta::FromSeconds(utc_seconds + offset);
}
constexpr TimeDelta kNanosecond = TimeDelta::FromNanos(1);

TEST(UtcAuthority, IsSilentForFiveSecondsOnEachSideOfALeapSecond) {
  for (const auto leap : {LeapIndicator::kInsert, LeapIndicator::kDelete}) {
    const auto authority =
        With(kAgreePolicy, {Pending(kAnnounce, leap), Pending(kLeapFile, leap)});

    EXPECT_FALSE(authority.NearLeap(Showing(kMonth - 5, 37) - kNanosecond));
    EXPECT_TRUE(authority.NearLeap(Showing(kMonth - 5, 37)));
    EXPECT_TRUE(authority.NearLeap(Showing(kMonth, 37)));  // 23:59:60 if inserted.
    EXPECT_TRUE(authority.NearLeap(Showing(kMonth + 6, 37) - kNanosecond));
    EXPECT_FALSE(authority.NearLeap(Showing(kMonth + 6, 37)));
  }
}

TEST(UtcAuthority, OneFlagIsEnoughForSilence) {
  const auto authority = With(kAgreePolicy, {Pending(kAnnounce, LeapIndicator::kInsert),
                                             Pending(kLeapFile, LeapIndicator::kNone)});

  ASSERT_EQ(authority.leap(), LeapIndicator::kNone);
  EXPECT_TRUE(authority.NearLeap(Showing(kMonth, 37)));
  EXPECT_FALSE(authority.NearLeap(Showing(kMonth + 86'400, 37))) << "no month's end";
}

TEST(UtcAuthority, AMonthsEndWithoutALeapSecondIsOrdinary) {
  const auto authority =
      With(kAgreePolicy, {Claim(kAnnounce, 37), Claim(kLeapFile, 37)});
  ASSERT_EQ(Offset(authority), 37);

  EXPECT_FALSE(authority.NearLeap(Showing(kMonth, 37)));
}

TEST(UtcAuthority, FindsTheMonthsEndBefore1970) {
  const auto authority =
      With(kAgreePolicy, {Pending(kAnnounce, LeapIndicator::kInsert),
                          Pending(kLeapFile, LeapIndicator::kInsert)});

  EXPECT_TRUE(authority.NearLeap(Showing(-31 * 86'400, 37)));  // 1969-12-01
  EXPECT_FALSE(authority.NearLeap(Showing(-31 * 86'400 - 6, 37)));
  EXPECT_FALSE(authority.NearLeap(Showing(-30 * 86'400, 37)));
}

// One leap second from the day before to the minute after: who publishes what.
TEST(UtcAuthority, PassesThroughALeapSecondWithoutAWrongSecond) {
  for (const int step : {+1, -1}) {
    const auto leap = step > 0 ? LeapIndicator::kInsert : LeapIndicator::kDelete;
    const int after = kTrue + step;
    auto authority =
        With(kAgreePolicy, {Pending(kAnnounce, leap), Pending(kLeapFile, leap)});
    EXPECT_EQ(authority.ToUtc(Showing(kMonth - 60, kTrue)),
              UtcTime() + TimeDelta::FromSeconds(kMonth - 60));

    // The table changes at once, the Announce up to two intervals later.
    authority.Set(Claim(kLeapFile, after));
    EXPECT_EQ(authority.verdict(), UtcVerdict::kContested);
    authority.Set(Claim(kAnnounce, after));

    ASSERT_EQ(Offset(authority), after);
    EXPECT_EQ(authority.leap(), LeapIndicator::kNone);
    EXPECT_TRUE(authority.NearLeap(Showing(kMonth + 4, after)))
        << "no flag is left, but it was seconds ago";
    EXPECT_FALSE(authority.NearLeap(Showing(kMonth + 6, after)));
    EXPECT_EQ(authority.ToUtc(Showing(kMonth + 6, after)),
              UtcTime() + TimeDelta::FromSeconds(kMonth + 6));
  }
}

TEST(UtcAuthority, NamesAreThoseOfTheStatusReport) {
  EXPECT_STREQ(UtcSourceName(kAnnounce), "announce");
  EXPECT_STREQ(UtcSourceName(kLeapFile), "leap-file");
  EXPECT_STREQ(UtcSourceName(kKernel), "kernel");
  EXPECT_STREQ(UtcSourceName(kSystemClock), "system-clock");
  EXPECT_STREQ(UtcSourceName(kGnss), "gnss");
  EXPECT_STREQ(UtcSourceName(kPin), "pin");
  EXPECT_STREQ(UtcVerdictName(UtcVerdict::kValidated), "validated");
  EXPECT_STREQ(UtcVerdictName(UtcVerdict::kArbitrary), "arbitrary");
}

}  // namespace
}  // namespace bridge
