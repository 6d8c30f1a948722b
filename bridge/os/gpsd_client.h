// bridge/os/gpsd_client.h
//
// A connection to gpsd that never blocks and is made again whenever it ends.
//
//   auto client = GpsdClient::Open("localhost:2947");
//   loop: client->AppendPollFds(fds); poll until client->Deadline();
//         client->Serve(now, [&](const GnssReport& r) { watch.OnReport(r, now); });
//
// Bounded whatever comes: one line of memory, and a gpsd that floods is left alone for
// a while. Nothing of what arrives is older than the turn in which it is handed on,
// because a stream that can't be followed is dropped, not queued.
#pragma once

#include <netinet/in.h>
#include <poll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/os/gpsd_line.h"
#include "bridge/time/timestamp.h"

namespace bridge::os {

// "host:port" or "host:port:device"; also "host", "[::1]:2947" and so on.
struct GpsdPlace {
  std::string host;
  std::string port;    // "2947" when not given.
  std::string device;  // Empty: all.
};
// kInvalidArgument says what is wrong.
absl::StatusOr<GpsdPlace> ParseGpsdPlace(absl::string_view text);

class GpsdClient {
 public:
  static constexpr size_t kMaxLine = 64 << 10;         // A SKY has some 15 KiB.
  static constexpr size_t kMaxPerTurn = 128 << 10;     // Octets.
  static constexpr size_t kMaxPerSecond = 1024 << 10;  // RAW at 10 Hz has some 150 KiB.
  static constexpr absl::Duration kAnswerTime = absl::Seconds(10);
  static constexpr absl::Duration kFirstPause = absl::Seconds(1);
  // Short, as each second of it is one more before a grandmaster is believed again.
  static constexpr absl::Duration kLongestPause = absl::Seconds(4);
  static constexpr absl::Duration kFloodPause = absl::Seconds(30);

  // Resolves the name, once, which may block: before the loop. kInvalidArgument or
  // kNotFound.
  static absl::StatusOr<std::unique_ptr<GpsdClient>> Open(absl::string_view place);

  void AppendPollFds(std::vector<pollfd>& out) const;
  // When Serve has to be called even if nothing happens.
  std::optional<MonoTime> Deadline() const { return deadline_; }
  // Call every turn; cheap when there is nothing to do.
  void Serve(MonoTime now, absl::FunctionRef<void(const GnssReport&)> deliver);

  // It greeted us as gpsd.
  bool connected() const { return state_ == State::kStreaming; }
  // Why there is no connection, or why there was none.
  const absl::Status& trouble() const { return trouble_; }
  // Of the gpsd that greeted last: "3.22".
  const std::string& release() const { return release_; }

  struct Counters {
    uint64_t connections = 0;  // That greeted.
    uint64_t disconnections = 0;
    uint64_t lines = 0;
    uint64_t unreadable = 0;  // Lines, too long ones among them.
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class State { kWaiting, kConnecting, kGreeting, kStreaming };
  using Deliver = absl::FunctionRef<void(const GnssReport&)>;
  struct Address {
    sockaddr_storage storage;
    socklen_t size;
  };

  GpsdClient(GpsdPlace place, std::vector<Address> addresses);

  void Connect(MonoTime now);
  void FinishConnecting(MonoTime now);
  void Subscribe(MonoTime now);
  void Read(MonoTime now, Deliver deliver);
  bool WithinBudget(size_t octets, MonoTime now);
  void TakeOctets(absl::string_view octets, MonoTime now, Deliver deliver);
  void TakeLine(absl::string_view line, MonoTime now, Deliver deliver);
  void TakeGreeting(const GpsdLine& line, MonoTime now, Deliver deliver);
  void End(absl::Status why, MonoTime now);

  const GpsdPlace place_;
  const std::vector<Address> addresses_;
  size_t address_ = 0;  // The one in use or to be tried next.

  State state_ = State::kWaiting;
  // When to connect, or until when something has to happen.
  std::optional<MonoTime> deadline_ = MonoTime();
  absl::Duration pause_ = kFirstPause;
  FileDescriptor socket_;
  bool delivered_up_ = false;
  std::string line_;       // The beginning of a line.
  bool skipping_ = false;  // The rest of one that is too long.
  MonoTime second_;        // When the present second of the budget began.
  size_t octets_ = 0;      // In it.

  GpsdLineReader reader_;
  absl::Status trouble_;
  std::string release_;
  Counters counters_;
};

}  // namespace bridge::os
