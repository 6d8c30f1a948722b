#include "bridge/estimate/kalman.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bridge {
namespace {

constexpr double Square(double v) { return v * v; }

}  // namespace

// z_sync = x - y D + d + n, z_delay = -x + d + n: with y unknown, half of y D is
// in both x and d.
Kalman Kalman::FromExchange(double sync, double delay, double distance, double r_sync,
                            double r_delay) {
  Kalman k;
  k.state_ = {(sync - delay) / 2, 0, (sync + delay) / 2};
  const double s2 = Square(kRatePrior);
  const double drift = s2 * Square(distance) / 4;
  k.Set(kX, kX, (r_sync + r_delay) / 4 + drift);
  k.Set(kD, kD, (r_sync + r_delay) / 4 + drift);
  k.Set(kX, kD, (r_sync - r_delay) / 4 + drift);
  k.Set(kY, kY, s2);
  k.Set(kX, kY, s2 * distance / 2);
  k.Set(kY, kD, s2 * distance / 2);
  return k;
}

// z_sync = x - y A + d + n, z_link = d + n: the noise of d is in x, reversed.
Kalman Kalman::FromLinkDelay(double sync, double link_delay, double sync_age,
                             double r_sync, double r_delay) {
  Kalman k;
  k.state_ = {sync - link_delay, 0, link_delay};
  const double s2 = Square(kRatePrior);
  k.Set(kX, kX, r_sync + r_delay + s2 * Square(sync_age));
  k.Set(kD, kD, r_delay);
  k.Set(kX, kD, -r_delay);
  k.Set(kY, kY, s2);
  k.Set(kX, kY, s2 * sync_age);
  return k;
}

// x += y dt, and the covariance with it.
void Kalman::Move(double dt) {
  state_.x += state_.y * dt;
  Set(kX, kX, p_[kX][kX] + 2 * dt * p_[kX][kY] + dt * dt * p_[kY][kY]);
  Set(kX, kY, p_[kX][kY] + dt * p_[kY][kY]);
  Set(kX, kD, p_[kX][kD] + dt * p_[kY][kD]);
}

void Kalman::Predict(double dt, const ProcessNoise& noise) {
  Move(dt);
  p_[kX][kX] += noise.phase * dt + noise.rate * dt * dt * dt / 3;
  Set(kX, kY, p_[kX][kY] + noise.rate * dt * dt / 2);
  p_[kY][kY] += noise.rate * dt;
  p_[kD][kD] += noise.path * dt;
}

double Kalman::Expected(Row h) const {
  return h.x * h.x * p_[kX][kX] + 2 * h.x * h.d * p_[kX][kD] + h.d * h.d * p_[kD][kD];
}

// Joseph's form, (I - K h) P (I - K h)' + K r K': it stays positive however
// large the doubt was before.
void Kalman::Update(Row h, double innovation, double r) {
  const std::array<double, 3> row = {h.x, 0, h.d};
  const double s = std::max(Expected(h), 0.0) + r;
  std::array<double, 3> gain;
  for (size_t i = 0; i < 3; ++i) {
    gain[i] = (p_[i][kX] * h.x + p_[i][kD] * h.d) / s;
  }
  state_.x += gain[kX] * innovation;
  state_.y += gain[kY] * innovation;
  state_.d += gain[kD] * innovation;

  Matrix a;  // (I - K h) P
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      a[i][j] = p_[i][j] - gain[i] * (row[kX] * p_[kX][j] + row[kD] * p_[kD][j]);
    }
  }
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = i; j < 3; ++j) {
      const double ah = a[i][kX] * row[kX] + a[i][kD] * row[kD];
      p_[i][j] = p_[j][i] = a[i][j] - ah * gain[j] + gain[i] * r * gain[j];
    }
  }
  KeepPositive();
}

void Kalman::Doubt(Axis axis, double variance) { p_[axis][axis] += variance; }

// The rate of which nothing is known stays as it is; x and d hang on it as they do.
void Kalman::Scale(double factor) {
  const double y = p_[kY][kY];
  const double y_after = std::min(factor * y, std::max(y, Square(kRatePrior)));
  const std::array<double, 3> slope = {p_[kX][kY] / y, 1, p_[kY][kD] / y};
  for (const auto& [a, b] : {std::pair{kX, kX}, {kX, kD}, {kD, kD}}) {
    const double by_rate = slope[a] * slope[b];
    Set(a, b, factor * (p_[a][b] - by_rate * y) + by_rate * y_after);
  }
  for (const Axis a : {kX, kD}) Set(a, kY, slope[a] * y_after);
  p_[kY][kY] = y_after;
  KeepPositive();
}

void Kalman::Relevel(double dx, double dd, double variance) {
  Shift(dx, dd);
  for (const Axis axis : {kX, kY, kD}) {
    Set(kX, axis, 0);
    Set(kD, axis, 0);
  }
  p_[kX][kX] = p_[kD][kD] = variance;
  KeepPositive();
}

void Kalman::Shift(double dx, double dd) {
  state_.x += dx;
  state_.d += dd;
}

double Kalman::OffsetVariance(double dt, const ProcessNoise& noise) const {
  const double age = std::abs(dt);
  return std::max(p_[kX][kX] + 2 * dt * p_[kX][kY] + dt * dt * p_[kY][kY], 0.0) +
         noise.phase * age + noise.rate * age * age * age / 3;
}

// Rounding must not make a variance negative or a correlation larger than 1.
void Kalman::KeepPositive() {
  constexpr double kLeast = 1e-9;
  for (const Axis axis : {kX, kY, kD}) {
    p_[axis][axis] = std::max(p_[axis][axis], kLeast);
  }
  const auto limit = [this](Axis a, Axis b) {
    const double most = std::sqrt(p_[a][a]) * std::sqrt(p_[b][b]);
    Set(a, b, std::clamp(p_[a][b], -most, most));
  };
  limit(kX, kY);
  limit(kX, kD);
  limit(kY, kD);
}

}  // namespace bridge
