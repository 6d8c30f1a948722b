#include "bridge/estimate/offset_estimator.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

using Cause = Explanation::Cause;

constexpr double kSecond = 1e9;  // ns
constexpr double kMicrosecond = 1e3;

constexpr double kOutlierSigmas = 5;
// ns: what a clock of 25 MHz rounds its stamps to. Rounded, a drift shows at once in
// one direction and later in the other: that is no path that moved.
constexpr double kCoarsestGrain = 40;
constexpr double kInnocent = 2;  // Sigmas.
constexpr double kGuessed = 3;   // Likewise.
// Used measurements of a direction before the gate judges it.
constexpr uint64_t kBeforeJudging = 3;
constexpr uint64_t kBeforeHalfDelay = 16;
// What a scheduler, a queue or an overtaken packet may add to one stamp, whoever
// stamps, and how many Syncs it takes until one of them is lost in the crowd.
constexpr double kSpike = 250 * kMicrosecond;
constexpr uint64_t kCrowd = 64;
// ns/s^2, and how many measurements it takes to notice.
constexpr double kWarming = 10;
constexpr double kMemory = 8;
// Measurements that may all be off to one side before a drift watch is sure, and how
// far their mean is by chance, in deviations of one: two of its own.
constexpr double kLeanMemory = 4;
constexpr double kLeanByChance = 0.8;
// The standard error is for white noise; that of stamps is correlated.
constexpr double kJitterFactor = 1.3;
// Noise in scales of the floor: generous, as the scale is of its early side.
constexpr double kWidestFloor = 4;
constexpr int kEndlessDisorder = 16;
constexpr int kClockSetBack = 8;

constexpr double kLongestGap = 86'400;   // s: then nothing is left of the rate.
constexpr double kOldest = 1;            // s
constexpr double kLongestExchange = 30;  // s
constexpr double kLongestDelay = 10 * kSecond;
constexpr double kNegativeDelay = 3'000 * kMicrosecond;  // 100 ppm of an exchange.
constexpr double kNegativeRoundTrip = 10 * kMicrosecond;
// Syncs in family until a move of the clock is believed: three packets that are late
// together look like one.
constexpr int kConfirmed = 4;
constexpr double kFar = 0.1 * kSecond;  // 100 ppm for a quarter of an hour.
constexpr double kShortest = 1e-3;      // s: no division by less.

constexpr double Square(double v) { return v * v; }

// The variance a rate may have at most: 100 ppm.
double RateVariance(double ns_per_second) {
  return std::min(Square(ns_per_second), Square(Kalman::kRatePrior));
}

// Of any size: PTP seconds have 48 bits, and a master may say what it wants.
TimeDelta ToTimeDelta(double ns) {
  return TimeDelta::FromScaledDouble(
      std::clamp(std::round(ns * 0x1p16), -0x1p120, 0x1p120));
}

double NoisePrior(StampKind stamps) {
  return Square((stamps == StampKind::kHardware ? 1 : 2) * kMicrosecond);
}

ProcessNoise ProcessNoiseOf(StampKind stamps) {
  return {.phase = stamps == StampKind::kHardware ? 0.1 : 4.0};
}

LocalTime InstantOf(const Measurement& m) { return m.at; }
LocalTime InstantOf(const OutlierRun::Outlier& o) { return o.measurement.at; }

}  // namespace

double OffsetEstimator::Judged::Sigmas() const {
  return innovation / std::sqrt(Variance());
}

OffsetEstimator::OffsetEstimator(const Settings& settings)
    : settings_(settings),
      process_noise_(ProcessNoiseOf(settings.stamps)),
      directions_{Direction(NoisePrior(settings.stamps)),
                  Direction(NoisePrior(settings.stamps))} {}

void OffsetEstimator::Reset() {
  const Counters counters = counters_;
  *this = OffsetEstimator(settings_);
  counters_ = counters;
}

void OffsetEstimator::AddSync(LocalTime t2, TaiTime t1) {
  const TimeDelta z = t2.SinceEpoch() - t1.SinceEpoch() - settings_.delay_asymmetry;
  Add(kForward, {t2, z, kSyncRow});
}

void OffsetEstimator::AddDelay(LocalTime t3, TaiTime t4) {
  const TimeDelta z = t4.SinceEpoch() - t3.SinceEpoch() + settings_.delay_asymmetry;
  Add(kReverse, {t3, z, kDelayRow});
}

void OffsetEstimator::AddPeerDelay(LocalTime at, TimeDelta mean_link_delay) {
  Add(kReverse, {at, mean_link_delay, kPeerDelayRow});
}

void OffsetEstimator::Add(Side side, const Measurement& m) {
  ++counters_.measurements;
  if (filter_ && side == kReverse && m.row.x != reverse_row_.x) return;
  if (filter_ && !Advance(m.at)) return;
  if (!filter_) {
    Start(side, m);
    return;
  }
  CountInterval(m);
  Direction& direction = directions_[side];
  const Judged j = JudgeAtFirst(side, m);
  const double residual = j.innovation + filter_->state().d;  // Without x.
  const bool judging = direction.used >= kBeforeJudging;
  if (judging && j.expected < 9 * j.noise) direction.ring.Push(residual);
  const bool late = direction.ring.IsLate(residual);
  const bool outlier = std::abs(j.Sigmas()) > kOutlierSigmas &&
                       std::abs(j.innovation) > 1.25 * kCoarsestGrain;
  if (judging && outlier) {
    OnOutlier(side, j, late);
    if (!filter_) return;
  } else if (!late) {
    direction.run.AddInFamily();
    // One that is nearly an outlier itself may be of the same story.
    direction.suspicion = std::abs(j.Sigmas()) < kInnocent
                              ? 0
                              : std::min(direction.suspicion, std::abs(j.innovation));
    Use(side, j);
    LearnNoise(direction, j, residual);
    WatchDrift(j);
    LearnRestlessness(side, j);
    WatchFlatness(side, m);
    if (side == kForward && ++agreed_ >= kConfirmed) moved_ = 0;
  }
  Supervise();
  MoveAnchor();
  Limit(side, m);
}

// What this measurement proves about the clock.
void OffsetEstimator::Limit(Side side, const Measurement& m) {
  if (m.row.x == 0) return;  // A link delay says nothing about it.
  fence_.Follow(m.at, filter_->state().y, std::sqrt(filter_->variance(Kalman::kY)));
  if (side == kForward) {
    fence_.AddUpper(m.at, m.z);
  } else {
    fence_.AddLower(m.at, TimeDelta() - m.z);
  }
}

// The state begins with a Sync and the first Delay_Req after it or, P2P, a Sync and
// a link delay. They may come in either order: the Delay_Resp to a request sent
// right after a Sync often overtakes its Follow_Up.
void OffsetEstimator::Start(Side side, const Measurement& m) {
  if (side == kForward) {
    early_syncs_[early_sync_count_++ % kEarlySyncs] = m;
  } else {
    first_reverse_ = m;
  }
  if (early_sync_count_ == 0 || !first_reverse_) return;
  const Measurement& other = *first_reverse_;
  const bool p2p = other.row.x == 0;

  const size_t kept = std::min(early_sync_count_, kEarlySyncs);
  const Measurement* sync = nullptr;
  size_t later = 0;
  for (; later < kept && sync == nullptr; ++later) {
    const Measurement& one =
        early_syncs_[(early_sync_count_ - 1 - later) % kEarlySyncs];
    if (p2p || one.at <= other.at) sync = &one;
  }
  if (sync == nullptr) return;
  const LocalTime now = std::max(sync->at, other.at);
  const double age = (now - sync->at).SecondsDouble();
  if (age > kLongestExchange) return;
  const double r = NoisePrior(settings_.stamps);
  const TimeDelta anchor = sync->z;
  // x of the Sync is 0 now.
  const Kalman start =
      p2p ? Kalman::FromLinkDelay(0, other.z.NanosDouble(), age, r, r)
          : Kalman::FromExchange(0, (other.z + anchor).NanosDouble(), age, r, r);
  const double d = start.state().d;
  if (d < -kNegativeDelay || d > kLongestDelay) return;  // Not of one path.
  anchor_ = anchor;
  filter_ = start;
  now_ = now;
  reverse_row_ = other.row;
  last_sync_ = sync->at;
  for (Direction& direction : directions_) direction.used = 1;
  // A transmit stamp may be so late that Syncs have come since.
  for (--later; later > 0 && filter_; --later) {
    --counters_.measurements;  // Counted already.
    Add(kForward, early_syncs_[(early_sync_count_ - later) % kEarlySyncs]);
  }
}

// Predicts to `at`; false when it is too old to be used.
bool OffsetEstimator::Advance(LocalTime at) {
  const double dt = SecondsAfterState(at);
  if (dt < -kOldest) {
    ++counters_.out_of_order;
    // So many in a row: the local clock itself was set back.
    if (++too_old_ < kClockSetBack) return false;
    ++counters_.clock_moves;
    Reset();
    return true;
  }
  too_old_ = 0;
  if (dt > kLongestGap) {
    Reset();
  } else if (dt > 0) {
    filter_->Predict(dt, process_noise_);
    now_ = at;
  }
  return true;
}

// Of measurements that say something about the clock.
void OffsetEstimator::CountInterval(const Measurement& m) {
  if (m.row.x == 0) return;
  if (counted_at_) {
    const double dt = std::max((m.at - *counted_at_).SecondsDouble(), 0.0);
    interval_ += (dt - interval_) / DriftWatch::kMemory;
  }
  counted_at_ = std::max(counted_at_, std::optional(m.at));
}

// One older than the state is carried to it with the rate.
OffsetEstimator::Judged OffsetEstimator::Judge(Side side, const Measurement& m) const {
  const Direction& direction = directions_[side];
  const double age = -SecondsAfterState(m.at);
  const TimeDelta anchor = m.row.x > 0 ? anchor_ : m.row.x < 0 ? -anchor_ : TimeDelta();
  const double z = (m.z - anchor).NanosDouble() - direction.excess +
                   m.row.x * filter_->state().y * age;
  return {m, filter_->Innovation(m.row, z), filter_->Expected(m.row),
          direction.noise.variance() +
              Square(m.row.x * age) * filter_->variance(Kalman::kY)};
}

// A measurement that is not as expected while the noise is a guess: so noisy may all
// have been that came before.
OffsetEstimator::Judged OffsetEstimator::JudgeAtFirst(Side side, const Measurement& m) {
  const Judged j = Judge(side, m);
  if (directions_[side].noise.measured() || std::abs(j.Sigmas()) < kGuessed) return j;
  const double factor = std::min(Square(j.Sigmas()), Square(kFar) / j.noise);
  if (factor <= 1) return j;
  filter_->Scale(factor);
  for (Direction& direction : directions_) {
    if (direction.noise.measured()) continue;
    direction.noise.Set(factor * direction.noise.variance());
  }
  return Judge(side, m);
}

// While the clock is less certain than a stamp, stamps have no ends to be seen.
bool OffsetEstimator::Flat(Side side, const Judged& j) const {
  return directions_[side].flat.half_width() && j.expected < j.noise;
}

void OffsetEstimator::Learn(Side side, const Judged& j) {
  std::optional<Evidence> evidence;
  if (Flat(side, j)) {
    const double half_width = *directions_[side].flat.half_width();
    evidence = FlatEvidence(j.innovation, j.expected, half_width);
  }
  const auto [innovation, noise] = evidence.value_or(Evidence{j.innovation, j.noise});
  if (std::isfinite(noise)) filter_->Update(j.m.row, innovation, noise);
}

void OffsetEstimator::Use(Side side, const Judged& j) {
  const auto before = filter_->state();
  Learn(side, j);
  const auto& after = filter_->state();
  surprise_ = std::max(std::abs(after.x - before.x), surprise_ * 3 / 4);
  rate_surprise_ = std::max(std::abs(after.y - before.y), rate_surprise_ * 3 / 4);
  ++directions_[side].used;
  if (side == kForward) last_sync_ = std::max(last_sync_, std::optional(j.m.at));
}

// Noise of software is correlated: many stamps near an end are then one.
void OffsetEstimator::WatchFlatness(Side side, const Measurement& m) {
  if (settings_.stamps != StampKind::kHardware) return;
  directions_[side].flat.Push(m, filter_->state().y);
  const bool flat = directions_[kForward].flat.half_width() &&
                    directions_[kReverse].flat.half_width();
  if (flat && !flat_) Reconsider();
  flat_ = flat;
}

// What was measured before its noise was known to be flat says more now.
void OffsetEstimator::Reconsider() {
  const Kalman before = *filter_;
  const LocalTime until = now_;
  const auto forward = directions_[kForward].flat.remembered();
  const auto reverse = directions_[kReverse].flat.remembered();
  now_ = std::min(forward.front().at, reverse.front().at);
  const double span = (until - now_).SecondsDouble();
  filter_->Rewind(span);
  // Nothing of what is used once more may be in it already.
  const double unknown = 8 * *directions_[kForward].flat.half_width();
  filter_->Doubt(Kalman::kX, Square(unknown));
  filter_->Doubt(Kalman::kY, RateVariance(unknown / std::max(span, kShortest)));
  filter_->Doubt(Kalman::kD, Square(unknown));
  InOrder(forward, reverse,
          [this](Side side, const Measurement& m) { Learn(side, Judge(side, m)); });
  if (const double rest = SecondsAfterState(until); rest > 0) {
    filter_->Predict(rest, process_noise_);
  }
  now_ = until;
  if (filter_->variance(Kalman::kX) > before.variance(Kalman::kX)) *filter_ = before;
  surprise_ = std::max(surprise_, std::abs(filter_->state().x - before.state().x));
}

void OffsetEstimator::LearnNoise(Direction& direction, const Judged& j,
                                 double residual) {
  if (direction.previous) {
    const double dt = (j.m.at - direction.previous->at).SecondsDouble();
    // While the rate is unknown the difference would be its.
    const double by_rate = filter_->variance(Kalman::kY) * dt * dt;
    if (by_rate < direction.noise.variance() || direction.used > 20) {
      direction.noise.Add(residual - direction.previous->value);
    }
  }
  direction.previous = {j.m.at, residual};
  // A queue that was taken for noise at first would take minutes to fade.
  if (direction.ring.skewed()) {
    const double most = Square(kWidestFloor * direction.ring.cluster().scale);
    if (direction.noise.variance() > most) direction.noise.Set(most);
  }
}

// Stamps of software are correlated, which looks the same.
void OffsetEstimator::LearnRestlessness(Side side, const Judged& j) {
  if (j.m.row.x == 0 || settings_.stamps != StampKind::kHardware) return;
  double gain = j.expected / j.Variance();
  if (Flat(side, j)) {
    // Every (half width / sigma)th is near an end, and decides.
    const double sigma = std::sqrt(j.expected);
    gain = sigma / (sigma + *directions_[side].flat.half_width());
  }
  restlessness_.Add(j.m.row.x * j.Sigmas(), gain);
  process_noise_.rate = restlessness_.variance();
}

void OffsetEstimator::WatchDrift(const Judged& j) {
  if (j.m.row.x == 0) return;
  lean_ += (j.m.row.x * j.innovation - lean_) / kLeanMemory;
  const std::optional<double> lean = drift_.Add(j.m.row.x * j.Sigmas());
  if (!lean) return;
  ++counters_.drift_alarms;
  restlessness_.OnAlarm();
  const double bias = *lean * std::sqrt(j.Variance());
  // Was it the clock? A path that changed by little leans as well. Each direction has
  // to agree with where the filter goes now.
  for (Direction& direction : directions_) {
    direction.suspicion = std::max(direction.suspicion, 2 * std::abs(bias));
  }
  const double span = std::max(DriftWatch::kMemory * interval_, kShortest);
  filter_->Doubt(Kalman::kX, Square(bias));
  filter_->Doubt(Kalman::kY, RateVariance(2 * bias / span));
}

void OffsetEstimator::OnOutlier(Side side, const Judged& j, bool late) {
  ++counters_.outliers;
  Direction& direction = directions_[side];
  OutlierRun& run = direction.run;
  if (!run.Continues(j.innovation)) {
    directions_[side == kForward ? kReverse : kForward].run.Recount();
  }
  run.AddOutlier(j.m, j.innovation);
  // A late one is explained: by the queue that the ring knows.
  if (late) return;
  direction.suspicion = std::max(direction.suspicion, std::abs(j.innovation));
  const auto explain = p2p() ? ExplainP2p : Explain;
  if (Act(explain(directions_[kForward].run, directions_[kReverse].run))) return;
  if (run.length() >= kEndlessDisorder) {
    filter_->Update(j.m.row, j.innovation, Square(j.innovation));  // A faint pull.
  }
}

// Does what the explanation asks for; false when there is none.
bool OffsetEstimator::Act(const Explanation& explanation) {
  if (!Possible(explanation)) return false;
  switch (explanation.cause) {
    case Cause::kNone:
      return false;
    case Cause::kClockMoved:
      MoveClock(explanation.amount);
      break;
    case Cause::kPathMoved:
      MovePath(explanation.amount);
      break;
    case Cause::kForwardMoved:
      MoveOneWay(kForward, explanation.amount);
      break;
    case Cause::kReverseMoved:
      MoveOneWay(kReverse, explanation.amount);
      break;
  }
  ForgetRuns();
  return true;
}

// No explanation makes the round trip negative by more than stamps that were taken
// late or early can: that is a liar, and coasting is right.
bool OffsetEstimator::Possible(const Explanation& explanation) const {
  if (explanation.cause == Cause::kClockMoved) return true;
  const double d = filter_->state().d;
  const double both_ways = explanation.cause == Cause::kPathMoved || p2p() ? 2 : 1;
  const double round_trip = 2 * d + directions_[kForward].excess +
                            directions_[kReverse].excess +
                            both_ways * explanation.amount;
  return round_trip > -kNegativeRoundTrip - 1e-6 * std::abs(d);
}

// A step or a jump of the rate, which look alike at first: the measurements
// decide between the two when they are replayed.
void OffsetEstimator::MoveClock(double dx) {
  ++counters_.clock_moves;
  // So far that no rate explains it: what was learnt under the other time is worth
  // nothing, and a rate bent by it would be off for minutes.
  if (std::abs(dx) > kFar) return Reset();
  moved_ = std::max({moved_, std::abs(dx), Suspicion()});
  agreed_ = 0;
  double span = 0;
  for (const Direction& direction : directions_) {
    for (const auto& o : direction.run.remembered()) {
      span = std::max(span, -SecondsAfterState(o.measurement.at));
    }
  }
  filter_->Rewind(span);
  now_ = now_ - ToTimeDelta(span * kSecond);
  filter_->Doubt(Kalman::kX, 4 * Square(dx));
  filter_->Doubt(Kalman::kY, RateVariance(dx / std::max(span, 1.0)));
  Replay();
}

void OffsetEstimator::MovePath(double dd) {
  ++counters_.path_moves;
  filter_->Doubt(Kalman::kD, 4 * Square(dd));
  Replay();
}

// x stays: nobody can tell how much of a change in one direction it would be,
// and nothing is. Unless the path gets faster than it ever was: then the old
// floor was congestion and d was too large by half of it, and x off by that.
void OffsetEstimator::MoveOneWay(Side side, double by) {
  ++counters_.one_way_moves;
  double& excess = directions_[side].excess;
  excess += by;
  if (excess >= 0) return;
  if (p2p()) {
    // The link was taken for longer than it is: Sync measured x + d rightly.
    filter_->Shift(-excess, excess);
  } else {
    const double h = side == kForward ? 1 : -1;
    filter_->Shift(h * excess / 2, excess / 2);
  }
  excess = 0;
}

// What was remembered is explained now.
void OffsetEstimator::ForgetRuns() {
  for (Direction& direction : directions_) {
    direction.run.Clear();
    direction.ring.Clear();
    direction.flat.Clear();
    direction.previous.reset();
    direction.suspicion = 0;
  }
  drift_.Clear();
  lean_ = 0;
  restlessness_.Clear();
  supervisor_.Clear();
}

// Uses the remembered outliers of both directions, in order of time.
void OffsetEstimator::Replay() {
  InOrder(directions_[kForward].run.remembered(),
          directions_[kReverse].run.remembered(),
          [this](Side side, const OutlierRun::Outlier& o) {
            Use(side, Judge(side, o.measurement));
          });
}

template <typename Item, typename Visit>
void OffsetEstimator::InOrder(std::span<const Item> forward,
                              std::span<const Item> reverse, const Visit& visit) {
  while (!forward.empty() || !reverse.empty()) {
    const bool take_forward =
        reverse.empty() ||
        (!forward.empty() && InstantOf(forward.front()) <= InstantOf(reverse.front()));
    auto& from = take_forward ? forward : reverse;
    const Item& item = from.front();
    from = from.subspan(1);
    if (const double dt = SecondsAfterState(InstantOf(item)); dt > 0) {
      filter_->Predict(dt, process_noise_);
      now_ = InstantOf(item);
    }
    visit(take_forward ? kForward : kReverse, item);
  }
}

void OffsetEstimator::Supervise() {
  if (p2p()) return;  // Each link is measured by itself: no queue is in it.
  Direction& forward = directions_[kForward];
  Direction& reverse = directions_[kReverse];
  const auto correction = supervisor_.Check(forward.ring, reverse.ring, *filter_,
                                            forward.used + reverse.used);
  if (!correction) return;
  if (filter_->state().d + correction->dd < -kNegativeRoundTrip) {
    // A liar's floors: beside them the truth would look late for ever.
    forward.ring.Clear();
    reverse.ring.Clear();
    return;
  }
  ++counters_.relevels;
  filter_->Relevel(correction->dx, correction->dd, correction->variance);
  const double span = std::max(2 * FloorRing::kSize * interval_, kShortest);
  filter_->Doubt(Kalman::kY, RateVariance(2 * correction->dx / span));
  forward.noise.Set(correction->forward_noise);
  reverse.noise.Set(correction->reverse_noise);
  forward.ring.Shift(-correction->dx);
  reverse.ring.Shift(correction->dx);
}

// Keeps x small, so that a double resolves it far below a nanosecond.
void OffsetEstimator::MoveAnchor() {
  const double x = filter_->state().x;
  if (std::abs(x) <= kSecond) return;
  const TimeDelta move = ToTimeDelta(x);
  anchor_ += move;
  filter_->Shift(-move.NanosDouble(), 0);
}

bool OffsetEstimator::ready() const {
  return filter_.has_value() && directions_[kForward].used >= 2;
}

std::optional<ClockMap<Local, Tai>> OffsetEstimator::Map() const {
  if (!ready()) return std::nullopt;
  const auto [x, y, d] = filter_->state();
  const TaiTime tai = TaiTime() + (now_.SinceEpoch() - anchor_ - ToTimeDelta(x));
  return ClockMap<Local, Tai>(now_, tai, -y / kSecond, Era());
}

double OffsetEstimator::JitterNanos(LocalTime now) const {
  if (!filter_) return kLongestGap * kSecond;
  return kJitterFactor *
         std::sqrt(filter_->OffsetVariance(SecondsAfterState(now), process_noise_));
}

TimeDelta OffsetEstimator::Jitter(LocalTime now) const {
  return ToTimeDelta(JitterNanos(now));
}

TimeDelta OffsetEstimator::ErrorBound(LocalTime now) const {
  const auto& [forward, reverse] = directions_;
  double asymmetry = filter_ ? std::max(filter_->state().d, 0.0) : 0;
  // In the beginning all of the round trip could be in one direction.
  if (std::min(forward.used, reverse.used) >= kBeforeHalfDelay) asymmetry /= 2;
  if (settings_.asymmetry_bound) asymmetry = settings_.asymmetry_bound->NanosDouble();
  // One spike among n Syncs: the last point of a line through n moves its end by 4/n
  // of what it is off, and the gate can't know a spike before it knows the noise.
  const double spike =
      forward.used < kCrowd ? 4 * kSpike / static_cast<double>(forward.used + 1) : 0;
  // Delays vary to one side only, so where they vary much their means may differ
  // by as much: a storm that has just begun moves both, unevenly.
  const double uneven =
      std::sqrt(std::max(forward.noise.variance(), reverse.noise.variance()));
  // A crystal that warms up leaves the filter behind, the more the rarer it measures.
  const double lag = kWarming / 2 * Square(kMemory * interval_);
  // They lean to one side: a rate that has just jumped looks like that at first.
  const double leaning = std::max(std::abs(lean_) - kLeanByChance * uneven, 0.0);
  const double ahead = filter_ ? rate_surprise_ * std::abs(SecondsAfterState(now)) : 0;
  const double bound = 3 * JitterNanos(now) + asymmetry + uneven + spike + moved_ +
                       lag + leaning + surprise_ + ahead +
                       std::abs(forward.excess) / 2 + std::abs(reverse.excess) / 2 +
                       Suspicion();
  // In a storm the model of the noise is worth little, before it was measured and
  // outside the fence nothing.
  const bool storm = uneven > std::max(filter_ ? filter_->state().d : 0, 0.0) / 5 ||
                     forward.ring.skewed() || reverse.ring.skewed() ||
                     !forward.noise.measured() || !reverse.noise.measured();
  const Fence::Room room = RoomOfMap(now);
  return ToTimeDelta(storm || room.outside() ? std::max(bound, room.Farthest())
                                             : bound);
}

Fence::Room OffsetEstimator::RoomOfMap(LocalTime now) const {
  if (!filter_) return Fence::Room();
  const auto& [x, y, d] = filter_->state();
  const double ahead = y * SecondsAfterState(now);
  return fence_.RoomOf(anchor_ + ToTimeDelta(x + ahead), now);
}

double OffsetEstimator::Suspicion() const {
  return std::max(directions_[kForward].suspicion, directions_[kReverse].suspicion);
}

// A direction that is out while the other is in family can't be the clock.
bool OffsetEstimator::suspicious() const {
  if (Suspicion() == 0) return false;
  const auto& [forward, reverse] = directions_;
  const auto alibi = [](const Direction& out, const Direction& other) {
    return out.run.length() == 0 || other.run.in_family() >= 4;
  };
  return !alibi(forward, reverse) || !alibi(reverse, forward);
}

TimeDelta OffsetEstimator::mean_path_delay() const {
  return filter_ ? ToTimeDelta(filter_->state().d) : TimeDelta();
}

double OffsetEstimator::frequency_ppb() const {
  return filter_ ? -filter_->state().y : 0;
}

double OffsetEstimator::frequency_error_ppb() const {
  return std::sqrt(filter_ ? filter_->variance(Kalman::kY) : RateVariance(kSecond));
}

std::optional<LocalTime> OffsetEstimator::last_sync() const { return last_sync_; }

const OffsetEstimator::Counters& OffsetEstimator::counters() const { return counters_; }

}  // namespace bridge
