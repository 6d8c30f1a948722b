// bridge/estimate/kalman.h
//
// The filter: offset x, rate y and mean path delay d, with their covariance.
//
// Units: ns, ns/s (= ppb) and seconds; variances are squares of these.
#pragma once

#include <array>
#include <cstddef>

namespace bridge {

// What a measurement sees: z = h.x * x + h.d * d + noise.
struct Row {
  double x;
  double d;
};
inline constexpr Row kSyncRow{1, 1};       // t2 - t1
inline constexpr Row kDelayRow{-1, 1};     // t4 - t3
inline constexpr Row kPeerDelayRow{0, 1};  // mean link delay

// Variance per second that the clock and the path gain by themselves.
struct ProcessNoise {
  double phase;     // ns^2/s: white FM of the oscillator, carrying of stamps.
  double rate = 1;  // (ns/s)^2/s: flat between 0.3 and 3 (README.md).
  double path = 1;  // ns^2/s
};

class Kalman {
 public:
  // The rate of a clock of which nothing is known.
  static constexpr double kRatePrior = 100'000;  // 100 ppm

  struct State {
    double x = 0;
    double y = 0;
    double d = 0;
  };
  enum Axis : size_t { kX, kY, kD };

  Kalman() = default;

  // From a Sync and, `distance` seconds later, a Delay_Req, each with its noise
  // variance. The instant of the state is that of the Delay_Req.
  static Kalman FromExchange(double sync, double delay, double distance, double r_sync,
                             double r_delay);
  // From a Sync `sync_age` seconds ago and a link delay.
  static Kalman FromLinkDelay(double sync, double link_delay, double sync_age,
                              double r_sync, double r_delay);

  // `dt` seconds on, dt >= 0.
  void Predict(double dt, const ProcessNoise& noise);
  // `dt` seconds back to where a reconsidered stretch begins; the noise gained
  // since stays in.
  void Rewind(double dt) { Move(-dt); }

  // z minus what the state expects.
  double Innovation(Row h, double z) const {
    return z - (h.x * state_.x + h.d * state_.d);
  }
  // Variance of what the state expects.
  double Expected(Row h) const;
  // `innovation` with noise variance `r` > 0.
  void Update(Row h, double innovation, double r);

  // The state may be off by more than the covariance says.
  void Doubt(Axis axis, double variance);
  // All that was measured was noisier, by this factor of its variance.
  void Scale(double factor);
  // x and d are known otherwise, with this variance each and uncorrelated.
  void Relevel(double dx, double dd, double variance);
  // Moves offset or path delay, certain as before.
  void Shift(double dx, double dd);

  // The variance of x `dt` seconds from the state, either way.
  double OffsetVariance(double dt, const ProcessNoise& noise) const;

  const State& state() const { return state_; }
  double variance(Axis axis) const { return p_[axis][axis]; }
  double covariance(Axis a, Axis b) const { return p_[a][b]; }

 private:
  using Matrix = std::array<std::array<double, 3>, 3>;

  void Move(double dt);
  void Set(Axis a, Axis b, double value) { p_[a][b] = p_[b][a] = value; }
  void KeepPositive();

  State state_;
  Matrix p_{};  // Symmetric, positive definite.
};

}  // namespace bridge
