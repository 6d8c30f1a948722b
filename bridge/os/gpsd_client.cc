#include "bridge/os/gpsd_client.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

constexpr int kProtocol = 3;
constexpr size_t kMaxDevice = 128;  // GPS_PATH_MAX of gpsd

absl::Status BadPlace(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text), "\" is not where gpsd is: ", why,
                   " (host:port or host:port:device, as in localhost:2947)"));
}

// It goes into the JSON of ?WATCH.
bool IsPlain(absl::string_view device) {
  return device.size() <= kMaxDevice &&
         std::all_of(device.begin(), device.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' &&
                  c != '\\';
         });
}

// What somebody else wrote, fit for a log.
std::string Printable(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, 120));
}

// A host that vanishes without a word is noticed within half a minute.
void KeepAlive(int socket) {
  const auto set = [socket](int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

}  // namespace

absl::StatusOr<GpsdPlace> ParseGpsdPlace(absl::string_view text) {
  GpsdPlace place;
  absl::string_view rest = text;
  if (!rest.empty() && rest.front() == '[') {
    const size_t end = rest.find(']');
    if (end == rest.npos) return BadPlace(text, "the ] is missing");
    place.host = std::string(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') {
      return BadPlace(text, "after the ] comes :port");
    }
  } else {
    const size_t end = std::min(rest.find(':'), rest.size());
    place.host = std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  if (place.host.empty()) {
    return BadPlace(text, "no host; an IPv6 address stands in [ ]");
  }
  place.port = "2947";
  if (rest.empty()) return place;
  rest.remove_prefix(1);
  const size_t end = std::min(rest.find(':'), rest.size());
  place.port = std::string(rest.substr(0, end));
  int number = 0;
  if (!absl::SimpleAtoi(place.port, &number) || number < 1 || number > 65535) {
    return BadPlace(text, "a port is a number from 1 to 65535");
  }
  if (end == rest.size()) return place;
  place.device = std::string(rest.substr(end + 1));
  if (place.device.empty() || !IsPlain(place.device)) {
    return BadPlace(text, "a device is a path without blanks and quotation marks");
  }
  return place;
}

absl::StatusOr<std::unique_ptr<GpsdClient>> GpsdClient::Open(absl::string_view text) {
  ASSIGN_OR_RETURN(GpsdPlace place, ParseGpsdPlace(text));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure =
      getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found);
  if (failure != 0) {
    return absl::NotFoundError(
        absl::StrCat("cannot find gpsd's host \"", absl::CHexEscape(place.host),
                     "\": ", gai_strerror(failure), " (a number needs no resolver)"));
  }
  std::vector<Address> addresses;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    Address& address = addresses.emplace_back();
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    address.size = a->ai_addrlen;
  }
  freeaddrinfo(found);
  return std::unique_ptr<GpsdClient>(
      new GpsdClient(std::move(place), std::move(addresses)));
}

GpsdClient::GpsdClient(GpsdPlace place, std::vector<Address> addresses)
    : place_(std::move(place)), addresses_(std::move(addresses)) {
  line_.reserve(kMaxLine);
}

void GpsdClient::AppendPollFds(std::vector<pollfd>& out) const {
  if (state_ == State::kWaiting) return;
  const bool connecting = state_ == State::kConnecting;
  out.push_back({socket_.get(), static_cast<short>(connecting ? POLLOUT : POLLIN), 0});
}

void GpsdClient::Serve(MonoTime now, Deliver deliver) {
  while (state_ == State::kWaiting && now >= *deadline_) Connect(now);
  if (state_ == State::kConnecting) FinishConnecting(now);
  if (state_ == State::kGreeting || state_ == State::kStreaming) Read(now, deliver);
  if (state_ != State::kWaiting && deadline_ && now >= *deadline_) {
    End(absl::DeadlineExceededError("gpsd does not answer (is it stopped?)"), now);
  }
  if (delivered_up_ && !connected()) {
    delivered_up_ = false;
    deliver(GnssConnection{.up = false});
  }
}

void GpsdClient::Connect(MonoTime now) {
  const Address& to = addresses_[address_];
  socket_ = OpenSocket(to.storage.ss_family, SOCK_STREAM, 0);
  if (!socket_.ok()) return End(ErrnoStatus(errno, "cannot open a TCP socket"), now);
  KeepAlive(socket_.get());
  line_.clear();
  skipping_ = false;
  deadline_ = now + kAnswerTime;
  const auto* address = reinterpret_cast<const sockaddr*>(&to.storage);
  if (connect(socket_.get(), address, to.size) == 0) return Subscribe(now);
  if (errno != EINPROGRESS) {
    return End(ErrnoStatus(errno, "cannot connect to gpsd", "is it running?"), now);
  }
  state_ = State::kConnecting;
}

void GpsdClient::FinishConnecting(MonoTime now) {
  pollfd writable{socket_.get(), POLLOUT, 0};
  if (poll(&writable, 1, 0) <= 0) return;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return Subscribe(now);
  End(ErrnoStatus(error, "cannot connect to gpsd", "is it running?"), now);
}

void GpsdClient::Subscribe(MonoTime now) {
  const std::string device =
      place_.device.empty() ? "" : absl::StrCat(",\"device\":\"", place_.device, "\"");
  const std::string watch = absl::StrCat(
      "?WATCH={\"enable\":true,\"json\":true,\"pps\":true", device, "};\n");
  state_ = State::kGreeting;
  // A connection that was just made takes this much.
  if (send(socket_.get(), watch.data(), watch.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(watch.size())) {
    End(ErrnoStatus(errno, "cannot write to gpsd"), now);
  }
}

void GpsdClient::Read(MonoTime now, Deliver deliver) {
  char part[16384];
  for (size_t taken = 0; taken < kMaxPerTurn && state_ != State::kWaiting;) {
    const ssize_t got = recv(socket_.get(), part, sizeof part, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return End(ErrnoStatus(errno, "cannot read from gpsd"), now);
    if (got == 0) {
      return End(absl::UnavailableError("gpsd closed the connection"), now);
    }
    const auto octets = static_cast<size_t>(got);
    taken += octets;
    if (!WithinBudget(octets, now)) {
      End(absl::ResourceExhaustedError("gpsd sends more than can be meant"), now);
      deadline_ = now + kFloodPause;
      return;
    }
    TakeOctets({part, octets}, now, deliver);
  }
}

bool GpsdClient::WithinBudget(size_t octets, MonoTime now) {
  if (now - absl::Seconds(1) >= second_) {
    second_ = now;
    octets_ = 0;
  }
  octets_ += octets;
  return octets_ <= kMaxPerSecond;
}

void GpsdClient::TakeOctets(absl::string_view octets, MonoTime now, Deliver deliver) {
  while (!octets.empty() && state_ != State::kWaiting) {
    const size_t end = std::min(octets.find('\n'), octets.size());
    const bool ended = end < octets.size();
    if (!skipping_ && line_.size() + end > kMaxLine) {
      ++counters_.unreadable;
      skipping_ = true;
    }
    if (!skipping_) line_.append(octets.data(), end);
    octets.remove_prefix(ended ? end + 1 : end);
    if (!ended) return;
    if (!skipping_) TakeLine(absl::StripAsciiWhitespace(line_), now, deliver);
    line_.clear();
    skipping_ = false;
  }
}

void GpsdClient::TakeLine(absl::string_view text, MonoTime now, Deliver deliver) {
  if (text.empty()) return;
  ++counters_.lines;
  const GpsdLine line = reader_.Read(text);
  if (state_ == State::kGreeting) return TakeGreeting(line, now, deliver);
  if (std::holds_alternative<GpsdUnreadable>(line)) ++counters_.unreadable;
  if (const auto* error = std::get_if<GpsdError>(&line)) {
    trouble_ = absl::FailedPreconditionError(
        absl::StrCat("gpsd says: ", Printable(error->message)));
  }
  if (const auto* report = std::get_if<GnssReport>(&line)) deliver(*report);
}

void GpsdClient::TakeGreeting(const GpsdLine& line, MonoTime now, Deliver deliver) {
  const auto* version = std::get_if<GpsdVersion>(&line);
  if (version == nullptr || version->protocol != kProtocol) {
    return End(absl::FailedPreconditionError(
                   version ? absl::StrCat("gpsd ", Printable(version->release),
                                          " speaks protocol ", version->protocol,
                                          ", not ", kProtocol)
                           : "what answers there is not gpsd"),
               now);
  }
  state_ = State::kStreaming;
  deadline_.reset();
  pause_ = kFirstPause;
  trouble_ = absl::OkStatus();
  release_ = Printable(version->release);
  ++counters_.connections;
  delivered_up_ = true;
  deliver(GnssConnection{.up = true});
}

// The next address at once; when all were tried, after a pause.
void GpsdClient::End(absl::Status why, MonoTime now) {
  trouble_ = std::move(why);
  deadline_ = now;
  if (connected()) {
    ++counters_.disconnections;
    deadline_ = now + pause_;
  } else if (++address_ == addresses_.size()) {
    address_ = 0;
    deadline_ = now + pause_;
    pause_ = std::min(2 * pause_, kLongestPause);
  }
  state_ = State::kWaiting;
  socket_ = FileDescriptor();
}

}  // namespace bridge::os
