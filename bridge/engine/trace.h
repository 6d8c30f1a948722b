// bridge/engine/trace.h
//
// A run of the engine as text: everything that went in, everything that was
// decided. Lines to read, to grep, to diff; fed to a new engine
// (trace_replay.h) they give the same decisions bit for bit.
//
//   refclockd-trace 1
//   version 0.1.0
//   identity 0x00aabbfffeccddee-1
//   seed 7
//   config [ptp]
//   config interface = "eth0"
//   begin
//   86400.000001000 link up
//   86400.100000000 pair 86400.099999000 1795262400.100000000 0.000000160
//   86400.100000000 frame 1795262400.099980000 0002002c...
//     ask
//   86400.100000000 cross 86400.100020000 1795262400.100021000 0.000000170
//     log notice publishing: offset ...
//     publish 0 1795262400.100021000 1795262400.100022345:8000 none -20 0.000000900
//   end
//
// An input stands after the MonoTime of its turn, the decisions that came of it
// are indented below it. Times are seconds.nanoseconds and, where there is a rest,
// ":" and four hex digits of 2^-16 ns: the types exactly, never a double. Several
// runs may follow each other (a reload ends one and begins the next). Lines that
// begin with "#" and empty lines mean nothing.
//
// To add an input: a struct below, its Fields() and its name in trace.cc, its line
// in Feed() (trace_replay.cc), a TraceTurn at the head of the engine's OnX.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/config/config.h"
#include "bridge/engine/actions.h"
#include "bridge/ptp/addressing.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/time/leap_table.h"

namespace bridge {

namespace trace {

// One struct per input of an engine. They point to what is recorded or, when
// read, into the reader.
struct Link {
  bool up = false;
};
struct Pair {
  CrossTimestamp<Raw> pair;
};
struct Frame {
  std::span<const uint8_t> octets;
  std::optional<EventStamp> received;
  std::optional<ptp::PortAddress> from = {};
};
struct Sent {
  ptp::TxToken token;
  EventStamp sent;
};
struct Cross {
  std::optional<ClockReading> reading;
};
struct Adjusted {
  PhcAdjusted adjusted;
};
struct Time {};
struct Leaps {
  const absl::StatusOr<LeapTable>* table = nullptr;  // Never null once filled.
};
struct Kernel {
  KernelClock clock;
};
struct Resume {};
struct Stop {};
struct Socket {
  ManagementSocket socket = ManagementSocket::kClosed;
};
struct Managed {
  std::span<const uint8_t> datagram;
};
struct Gnss {
  GnssReport report;
};
struct OneStep {
  bool on = false;
};

using Input = std::variant<Link, Pair, Frame, Sent, Cross, Time, Leaps, Kernel, Resume,
                           Stop, Adjusted, Socket, Managed, Gnss, OneStep>;

struct Turn {
  MonoTime now;
  Input input;
};
// How a run was made.
struct Header {
  std::string version;  // Of the program that recorded it.
  ptp::PortIdentity identity;
  uint64_t seed = 0;
  std::string config;  // TOML.
};
// As it stands in the file, indentation included.
struct Decision {
  absl::string_view text;
};
struct End {};
// Nothing to do: a comment, or part of a header that is not complete.
struct Nothing {};

}  // namespace trace

// Writes a run, line by line, without newlines, to `sink`. Allocates only until its
// buffer is as long as the longest line.
class TraceWriter {
 public:
  using Sink = std::function<void(absl::string_view line)>;

  TraceWriter(Sink sink, std::string version)
      : sink_(std::move(sink)), version_(std::move(version)) {}

  void Begin(const Config& config, ptp::PortIdentity identity, uint64_t seed);
  void Input(MonoTime now, const trace::Input& input);
  void Decided(const Action& action);
  // After the last input. A run without its end was cut short.
  void End();

 private:
  void Emit();

  Sink sink_;
  std::string version_;
  std::string line_;
};

// At the head of an input: records it, and at its end what was appended to `out`.
// Does nothing when there is no writer.
class TraceTurn {
 public:
  template <typename T>
  TraceTurn(TraceWriter* writer, MonoTime now, const T& input, const Actions& out)
      : writer_(writer), out_(out), first_(out.size()) {
    if (writer_) writer_->Input(now, trace::Input(input));
  }
  ~TraceTurn() {
    if (!writer_) return;
    for (size_t i = first_; i < out_.size(); ++i) writer_->Decided(out_[i]);
  }
  TraceTurn(const TraceTurn&) = delete;

 private:
  TraceWriter* const writer_;
  const Actions& out_;
  const size_t first_;
};

// Reads what TraceWriter wrote. Any text is met with an item or an error that says
// what is wrong and what would be right; nothing is read from it after an error.
class TraceReader {
 public:
  // A Turn points into the reader and is valid until the next line.
  using Item = std::variant<trace::Nothing, trace::Header, trace::Turn, trace::Decision,
                            trace::End>;
  absl::StatusOr<Item> Read(absl::string_view line);

 private:
  absl::StatusOr<Item> ReadHeader(absl::string_view line);
  absl::StatusOr<Item> ReadTurn(absl::string_view line);

  enum class Place { kOutside, kHeader, kRun };
  Place place_ = Place::kOutside;
  trace::Header header_;
  std::vector<uint8_t> octets_;
  std::string name_;
  std::optional<absl::StatusOr<LeapTable>> table_;
};

}  // namespace bridge
