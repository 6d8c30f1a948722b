#include "bridge/os/latency_meter.h"

#include <net/if.h>

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/os/clocks.h"
#include "bridge/time/waiting.h"
#include "ebpf/stages.h"

namespace bridge::os {
namespace {

// A finished message is some two seconds old.
constexpr size_t kReadings = 16;

ptp_transport TransportOf(Transport transport) {
  switch (transport) {
    case Transport::kL2:
      return PTP_L2;
    case Transport::kUdp4:
      return PTP_UDP4;
    case Transport::kUdp6:
      return PTP_UDP6;
  }
  return PTP_L2;
}

LatencyTransport TransportOf(const ptp_key& key) {
  const bool vlan = key.vlan[0] != PTP_NO_VLAN;
  switch (key.transport) {
    case PTP_UDP4:
      return vlan ? LatencyTransport::kUdp4Vlan : LatencyTransport::kUdp4;
    case PTP_UDP6:
      return vlan ? LatencyTransport::kUdp6Vlan : LatencyTransport::kUdp6;
    default:
      return vlan ? LatencyTransport::kL2Vlan : LatencyTransport::kL2;
  }
}

// Nothing for spans that are part of none of these stages.
std::optional<LatencyStage> StageOf(ebpf::Stage stage, const ebpf::Record& record) {
  using From = ebpf::Stage;
  switch (stage) {
    case From::kNicToDriver:
      return LatencyStage::kNicToDriver;
    case From::kDriverToStack:
      return LatencyStage::kDriverToStack;
    case From::kStackToSocket:
      return LatencyStage::kStackToSocket;
    case From::kSocketToUser:
      return LatencyStage::kSocketToUser;
    // A software stamp is taken as the stack takes the message up.
    case From::kStampToUser:
      return LatencyStage::kStackToUser;
    case From::kReceive:
      return record.driver ? LatencyStage::kDriverToUser : LatencyStage::kStackToUser;
    case From::kSendToDriver:
      return LatencyStage::kSendToDriver;
    case From::kDriverToStamp:
      return LatencyStage::kDriverToStamp;
    case From::kStampToRead:
      return LatencyStage::kStampToRead;
    case From::kStackToUser:  // kReceive says it.
    case From::kDriverToNic:
    case From::kTransmit:
      break;
  }
  return std::nullopt;
}

const char* TierWord(ebpf::Tier tier) {
  switch (tier) {
    case ebpf::Tier::kNone:
      return "T0";
    case ebpf::Tier::kTc:
      return "T1";
    case ebpf::Tier::kTracepoints:
      return "T2";
    case ebpf::Tier::kFentry:
      return "T3";
  }
  return "T0";
}

ebpf::LatencyProbe::Stamps StampsOf(const std::optional<EventStamp>& stamp) {
  ebpf::LatencyProbe::Stamps stamps;
  if (!stamp) return stamps;
  if (const auto* phc = std::get_if<PhcTime>(&*stamp)) {
    stamps.hardware = phc->Nanos();
  } else {
    stamps.software = std::get<UtcTime>(*stamp).Nanos();
  }
  return stamps;
}

}  // namespace

LatencyMeter::LatencyMeter(const Options& options)
    : options_(options),
      ifindex_(if_nametoindex(options.interface.c_str())),
      probe_({.interfaces = {options.interface},
              .user_side = options.other_programs,
              .limits = {}}) {
  readings_.reserve(kReadings);
}

void LatencyMeter::Received(std::span<const uint8_t> octets,
                            const std::optional<EventStamp>& stamp, MonoTime read) {
  probe_.Note(ebpf::OwnStamp::Point::kReceived, ifindex_,
              TransportOf(options_.transport), octets, read.Nanos(), StampsOf(stamp));
}

void LatencyMeter::Sending(const ptp::Send& message, MonoTime now) {
  Sent& sent = sent_[next_sent_++ % sent_.size()];
  sent.token = message.token;
  sent.size = std::min<size_t>(message.size, sent.octets.size());
  std::copy_n(message.octets.begin(), sent.size, sent.octets.begin());
  probe_.Note(ebpf::OwnStamp::Point::kSent, ifindex_, TransportOf(options_.transport),
              std::span(sent.octets).first(sent.size), now.Nanos());
}

void LatencyMeter::StampRead(ptp::TxToken token, const EventStamp& stamp,
                             MonoTime read) {
  const auto sent = std::find_if(sent_.begin(), sent_.end(), [token](const Sent& s) {
    return s.size > 0 && s.token == token;
  });
  if (sent == sent_.end()) return;
  probe_.Note(ebpf::OwnStamp::Point::kStampRead, ifindex_,
              TransportOf(options_.transport),
              std::span(sent->octets).first(sent->size), read.Nanos(), StampsOf(stamp));
}

void LatencyMeter::OnPhcReading(const CrossTimestamp<Phc>& reading) {
  if (readings_.size() == kReadings) readings_.erase(readings_.begin());
  readings_.push_back(
      {reading.local.Nanos(), reading.system.Nanos(), reading.window.Half().Nanos()});
}

void LatencyMeter::Drain(MonoTime now) {
  if (!began_) began_ = now;
  ReadRealtime();
  probe_.Drain(now.Nanos(), [this](const ebpf::Record& record) { Add(record); });
}

// CLOCK_REALTIME against CLOCK_MONOTONIC, the narrowest of three readings.
void LatencyMeter::ReadRealtime() {
  std::optional<int64_t> narrowest;
  for (int i = 0; i < 3; ++i) {
    const MonoTime before = MonoNow();
    const UtcTime system = pairs_.Read().system;
    const TimeDelta width = MonoNow() - before;
    if (narrowest && width.Nanos() >= *narrowest) continue;
    narrowest = width.Nanos();
    mono_behind_ = system.Nanos() - (before + width.Half()).Nanos();
  }
  realtime_error_ns_ = *narrowest / 2;
}

void LatencyMeter::Add(const ebpf::Record& record) {
  const auto phc = [this](uint32_t, int64_t ns) { return DatePhc(ns); };
  const auto realtime = [this](int64_t ns) { return DateRealtime(ns); };
  const auto add = [&](LatencyStage stage, int64_t ns) {
    statistics_.Add({stage, static_cast<LatencyMessage>(record.key.message_type & 15),
                     TransportOf(record.key)},
                    ns);
  };
  std::optional<int64_t> to_driver, received;
  ebpf::ForEachSpan(record, {phc, realtime}, [&](const ebpf::Span& span) {
    clock_error_ns_ = std::max(clock_error_ns_, span.error_ns);
    if (span.stage == ebpf::Stage::kNicToDriver) to_driver = span.ns;
    if (span.stage == ebpf::Stage::kReceive) received = span.ns;
    if (const auto stage = StageOf(span.stage, record)) add(*stage, span.ns);
  });
  if (to_driver && received) add(LatencyStage::kWireToUser, *to_driver + *received);
  if (record.send && record.stamp_read) {
    add(LatencyStage::kSendToRead, *record.stamp_read - *record.send);
  }
  if (record.drop_reason) {
    statistics_.AddDrop(probe_.DropReasonName(*record.drop_reason));
  }
}

// Between two readings, or a little after them; not before, lest it be from before a
// step.
std::optional<ebpf::Reading> LatencyMeter::DatePhc(int64_t phc_ns) const {
  const auto after =
      std::find_if(readings_.begin(), readings_.end(),
                   [phc_ns](const Reading& r) { return r.phc_ns >= phc_ns; });
  if (readings_.size() < 2) return std::nullopt;
  const auto b = std::clamp(after, readings_.begin() + 1, readings_.end() - 1);
  const auto a = b - 1;
  constexpr int64_t kFar = 2'000'000'000;
  if (b->phc_ns <= a->phc_ns || phc_ns < a->phc_ns || phc_ns > b->phc_ns + kFar) {
    return std::nullopt;
  }
  const double slope = static_cast<double>(b->realtime_ns - a->realtime_ns) /
                       static_cast<double>(b->phc_ns - a->phc_ns);
  const auto elapsed = static_cast<double>(phc_ns - a->phc_ns) * slope;
  return ebpf::Reading{a->realtime_ns + static_cast<int64_t>(elapsed) - mono_behind_,
                       std::max(a->error_ns, b->error_ns) + realtime_error_ns_};
}

// As far as CLOCK_REALTIME was not stepped meanwhile.
std::optional<ebpf::Reading> LatencyMeter::DateRealtime(int64_t realtime_ns) const {
  return ebpf::Reading{realtime_ns - mono_behind_, realtime_error_ns_};
}

LatencyReport LatencyMeter::Report(MonoTime now,
                                   std::optional<TimeDelta> path_delay) const {
  LatencyContext context;
  context.interface = options_.interface;
  context.tier = TierWord(tier());
  context.tier_reason = absl::StrJoin(
      refusals(), "; ", [](std::string* out, const ebpf::Refusal& refusal) {
        absl::StrAppend(out, refusal.text);
      });
  if (began_) context.seconds = (now - *began_).SecondsDouble();
  if (readings_.size() > 1) context.clock_error_ns = clock_error_ns_;
  if (path_delay) context.path_ns = path_delay->NanosDouble();
  LatencyReport report = statistics_.Report(context);
  const ebpf::Matcher::Counters& seen = probe_.counters();
  report.counters = {.rx_messages = seen.received,
                     .tx_messages = seen.sent,
                     .tx_stamps_missing = seen.stamps_missing,
                     .tx_stamps_late = seen.stamps_late,
                     .tx_stamps_reordered = seen.stamps_out_of_order,
                     .copies_to_others = seen.other_sockets,
                     .ring_lost = seen.ring_lost,
                     .unmatched = seen.unmatched};
  report.advice = Advise(report);
  return report;
}

void LatencyMeter::Clear(MonoTime now) {
  statistics_.Clear();
  began_ = now;
}

}  // namespace bridge::os
