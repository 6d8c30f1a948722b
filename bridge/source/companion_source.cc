#include "bridge/source/companion_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bridge/time/utc_month.h"

namespace bridge {
namespace {

using ptp::DropReason;
using ptp::ManagementId;
using ptp::PortState;

// Looking for it: where it should be for three seconds, then everywhere at ten places a
// second, then without hurry.
constexpr uint32_t kFirstProbes = 6;
constexpr uint32_t kHomeEvery = 8;  // Of the later probes, one goes home.
constexpr uint32_t kPlaces = 256;   // Domains 0 to 127, majorSdoId 0 and 1.
constexpr absl::Duration kFirstProbing = absl::Milliseconds(500);
constexpr absl::Duration kProbing = absl::Milliseconds(100);
constexpr absl::Duration kSlowProbing = absl::Seconds(1);

constexpr absl::Duration kPolling = absl::Seconds(1);
constexpr int kPollsUntilSilent = 3;
constexpr uint32_t kStatesEvery = 4;  // Polls.
constexpr uint32_t kParentEvery = 4;
constexpr absl::Duration kInquiry = absl::Milliseconds(200);
// Nobody pushes a change of TIME_PROPERTIES_DATA_SET.
constexpr absl::Duration kProperties = absl::Seconds(10);
constexpr absl::Duration kPropertiesAtMonthEnd = absl::Seconds(1);
constexpr TimeDelta kMonthEnd = TimeDelta::FromSeconds(120);
constexpr uint16_t kSubscribed = 60;  // s
constexpr uint16_t kSubscriber = 0x8000;
constexpr absl::Duration kRenewal = absl::Seconds(20);

// ptp4l knows a Sync's time once its Follow_Up has come.
constexpr absl::Duration kAfterSync = absl::Milliseconds(15);
constexpr absl::Duration kRetry = absl::Milliseconds(25);
// As many measurements as cost no more than phc2sys beside the same ptp4l: one a
// second, two from 4.0 on (which pushes, until it is too much). But the first ones are
// hurried.
constexpr absl::Duration kMeasuring = absl::Milliseconds(500);
constexpr absl::Duration kSlow = absl::Seconds(1);
constexpr absl::Duration kFirstMeasuring = absl::Milliseconds(250);
constexpr int kFirstMeasurements = 64;
constexpr int kFirstOfSlowSyncs = 16;  // Polls there mostly find nothing new.
// How long its path delay has to stay when ptp4l has set its clock, and in a storm.
constexpr absl::Duration kSettled = absl::Seconds(3);
constexpr absl::Duration kSettledAtMost = absl::Seconds(15);
// More than that a filter has no use for.
constexpr absl::Duration kMostOften = absl::Milliseconds(55);
// Pushes nearer together than that wake us for nothing; two a second do not.
constexpr absl::Duration kPushesTooOften = absl::Milliseconds(350);
// A poll that soon may as well be made now.
constexpr absl::Duration kPollingSlack = absl::Milliseconds(400);

constexpr TimeDelta kOldestSync = TimeDelta::FromSeconds(2);
// ptp4l shows the median of its last ten path delays: nearer together they say nothing
// new, and a filter that takes them for independent believes too much.
constexpr int kDelayFilter = 10;
constexpr size_t kMostPorts = 64;

absl::Duration ToDuration(ptp::LogInterval interval, absl::Duration otherwise) {
  return interval.IsPlausible() ? interval.ToDuration() : otherwise;
}

std::string ClockName(const UseClock& clock) {
  if (clock.stamps == StampKind::kSoftware) return "CLOCK_REALTIME (software stamps)";
  return absl::StrCat(
      "the PHC", clock.interface.empty() ? "" : absl::StrCat(" of ", clock.interface),
      clock.phc_index ? absl::StrCat(" (/dev/ptp", *clock.phc_index, ")") : "");
}

}  // namespace

CompanionSource::CompanionSource(const Settings& settings)
    : TimeSource(settings.estimator),
      settings_(settings),
      subscriber_{settings.identity.clock,
                  static_cast<uint16_t>(settings.identity.port | kSubscriber)},
      home_{settings.domain, 0},
      place_(home_),
      asked_{{{ManagementId::kDefaultDataSet},
              {ManagementId::kCurrentDataSet},
              {ManagementId::kParentDataSet},
              {ManagementId::kTimePropertiesDataSet},
              {ManagementId::kPortDataSet},
              {ManagementId::kTimeStatusNp},
              {ManagementId::kGrandmasterSettingsNp},
              {ManagementId::kSubscribeEventsNp},
              {ManagementId::kPortPropertiesNp},
              {ManagementId::kPortHwclockNp}}} {}

void CompanionSource::Say(Severity severity, std::string text) {
  actions_.push_back(LogLine{severity, std::move(text)});
}

// ---- Finding it and losing it.

void CompanionSource::OnSocket(ManagementSocket socket, MonoTime now,
                               ptp::PortActions& out) {
  if (socket == ManagementSocket::kClosed && socket_ == socket) return;
  Lose(out);
  socket_ = socket;
  if (socket != ManagementSocket::kClosed) Look(now);
}

void CompanionSource::Stop(MonoTime now) {
  if (ptp4l_ && socket_ == ManagementSocket::kReadWrite) Subscribe(now, 0);
}

void CompanionSource::Look(MonoTime now) {
  probes_ = 0;
  next_probe_ = now;
  Probe(now);
}

// A ptp4l of another domain says nothing at all.
void CompanionSource::Probe(MonoTime now) {
  const uint32_t n = probes_++;
  const uint32_t later = n < kFirstProbes ? 0 : n - kFirstProbes;
  const uint32_t homeward = later / kHomeEvery;
  const uint32_t elsewhere = later - homeward;  // How many went there before.
  if (n < kFirstProbes || later % kHomeEvery == kHomeEvery - 1) {
    const uint32_t turn = n < kFirstProbes ? n : homeward;
    place_ = {home_.domain, static_cast<uint8_t>((home_.sdo + turn) % 2)};
  } else {
    place_ = {{static_cast<uint8_t>(elsewhere / 2 % (kPlaces / 2))},
              static_cast<uint8_t>(elsewhere % 2)};
  }
  next_probe_ = now + (n < kFirstProbes      ? kFirstProbing
                       : elsewhere < kPlaces ? kProbing
                                             : kSlowProbing);
  Ask(ManagementId::kDefaultDataSet);
}

void CompanionSource::Found(const ptp::ManagementMessage& message, MonoTime now) {
  const auto& set = std::get<ptp::DefaultDataSet>(message.data);
  ptp4l_ = {message.source.clock, set.number_ports};
  place_ = home_ = {message.domain, message.sdo.major};
  found_before_ = true;
  unanswered_ = 0;
  const bool writable = socket_ == ManagementSocket::kReadWrite;
  const bool expected = message.domain == settings_.domain;
  Say(expected ? Severity::kNotice : Severity::kWarning,
      absl::StrCat(
          "ptp4l ", ptp4l_->clock.ToString(), " answers on its ",
          writable ? "read-write" : "read-only", " socket: domain ",
          message.domain.value,
          expected ? "" : absl::StrCat(", not ptp.domain = ", settings_.domain.value),
          place_.sdo != 0 ? absl::StrCat(", majorSdoId ", place_.sdo) : "", ", ",
          set.number_ports, set.number_ports == 1 ? " port" : " ports"));
  // About the master when a port's state says that there may be one.
  next_poll_ = next_properties_ = next_status_ = now + kPolling;
  next_inquiry_ = now;
  Ask(ManagementId::kPortDataSet);
  if (writable) {
    AskAboutClocks();
    Subscribe(now, kSubscribed);
  } else {
    ChooseClock();
  }
}

void CompanionSource::Lose(ptp::PortActions& out) {
  ptp4l_.reset();
  ports_.clear();
  ForgetMaster();
  own_settings_.reset();
  status_.reset();
  last_ingress_ = {};
  pushed_ = false;
  wants_pushes_ = true;
  for (Asked& asked : asked_) asked.sequence.reset();
  Refresh(out);
}

// ---- Questions.

void CompanionSource::Send(ptp::ManagementAction action,
                           const ptp::ManagementData& data) {
  sequence_ = sequence_.Next();
  if (Asked* asked = AskedOf(ptp::IdOf(data))) asked->sequence = sequence_;
  SendManagement send;
  send.size = ptp::SerializeManagement({.sdo = {.major = place_.sdo},
                                        .domain = place_.domain,
                                        .source = Asker(ptp::IdOf(data)),
                                        .sequence = sequence_,
                                        .action = action,
                                        .data = data},
                                       send.buffer)
                  .size();
  actions_.push_back(send);
}

void CompanionSource::Ask(ManagementId id) {
  Send(ptp::ManagementAction::kGet, ptp::ManagementQuestion{id});
}

// All that depends on who it is. Not in a storm, should its answers contradict each
// other: then a little later.
void CompanionSource::AskAboutMaster(MonoTime now) {
  if (now < next_inquiry_) {
    next_properties_ = std::min(next_properties_, next_inquiry_);
    next_status_ = std::min(next_status_, next_inquiry_);
    return;
  }
  next_inquiry_ = now + kInquiry;
  Ask(ManagementId::kParentDataSet);
  AskAboutTimescale(now);
  AskStatus(now);
}

// In this order: the PHC's index, if there is an answer, before its use.
void CompanionSource::AskAboutClocks() {
  Ask(ManagementId::kPortHwclockNp);
  Ask(ManagementId::kPortPropertiesNp);
}

void CompanionSource::AskAboutTimescale(MonoTime now) {
  Ask(ManagementId::kTimePropertiesDataSet);
  Ask(ManagementId::kGrandmasterSettingsNp);
  next_properties_ = now + (NearMonthEnd() ? kPropertiesAtMonthEnd : kProperties);
}

void CompanionSource::AskStatus(MonoTime now) {
  Ask(ManagementId::kTimeStatusNp);
  Ask(ManagementId::kCurrentDataSet);
  next_status_ = NextBeat(now);
}

void CompanionSource::Subscribe(MonoTime now, uint16_t duration) {
  if (socket_ != ManagementSocket::kReadWrite) return;
  const bool on = duration > 0;
  next_subscription_ = now + kRenewal;
  Send(ptp::ManagementAction::kSet,
       ptp::SubscribeEventsNp{.duration = duration,
                              .port_state = on,
                              .time_sync = on && wants_pushes_,
                              .parent_data_set = on});
}

void CompanionSource::Poll(MonoTime now, ptp::PortActions& out) {
  unanswered_ = std::exchange(heard_, false) ? 0 : unanswered_ + 1;
  if (unanswered_ >= kPollsUntilSilent) {
    Say(Severity::kWarning, "ptp4l does not answer any more");
    Lose(out);
    return Look(now);
  }
  next_poll_ = now + kPolling;
  // Status is asked for too, or comes by itself, and says that there is no grandmaster
  // any more. Where states of ports are pushed, this is for the case that one got lost.
  const bool pushed_states = socket_ == ManagementSocket::kReadWrite;
  const uint32_t n = polls_++;
  if (!pushed_states || unanswered_ > 0 || n % kStatesEvery == 0) {
    Ask(ManagementId::kPortDataSet);
  }
  if (!pushed_states || n % kParentEvery == 1) Ask(ManagementId::kParentDataSet);
}

// Of Syncs that come more seldom each is asked for.
absl::Duration CompanionSource::PollInterval() const {
  return wants_pushes_ ? kSlow : kMeasuring;
}

// When to ask for TIME_STATUS_NP next, if nothing else is known: shortly after a Sync,
// or not at all while it comes by itself.
MonoTime CompanionSource::NextBeat(MonoTime now) const {
  if (pushed_) return now + 3 * sync_interval() + absl::Seconds(1);
  const absl::Duration interval =
      rhythm_.known() ? rhythm_.interval() : absl::ZeroDuration();
  const bool hurried =
      state() == PortState::kSlave &&
      measured_ < (interval >= kSlow ? kFirstOfSlowSyncs : kFirstMeasurements);
  // Not less than once a second, so that a rhythm that is not theirs shows.
  const absl::Duration step =
      hurried ? kFirstMeasuring : std::clamp(interval, PollInterval(), kSlow);
  return rhythm_.Next(now + (kMostOften - kAfterSync), step) + kAfterSync;
}

// `repeated`: what there is is not of a new Sync. Asked for once more: it may be late.
void CompanionSource::PlanStatus(MonoTime now, bool repeated) {
  const bool again = repeated && !pushed_ && !std::exchange(retried_, true);
  next_status_ = again ? now + kRetry : NextBeat(now);
}

void CompanionSource::OnTime(MonoTime now, ptp::PortActions& out) {
  if (socket_ == ManagementSocket::kClosed) return;
  if (!ptp4l_) {
    if (now >= next_probe_) Probe(now);
    return;
  }
  const bool awake_anyway = now >= next_status_ && now + kPollingSlack >= next_poll_;
  if (now >= next_poll_ || awake_anyway) Poll(now, out);
  if (!ptp4l_) return;
  if (now >= next_properties_) AskAboutTimescale(now);
  if (now >= next_subscription_) Subscribe(now, kSubscribed);
  if (now < next_status_) return;
  if (std::exchange(pushed_, false)) Subscribe(now, kSubscribed);  // Pushes stopped.
  AskStatus(now);
}

std::optional<MonoTime> CompanionSource::Deadline() const {
  if (socket_ == ManagementSocket::kClosed) return std::nullopt;
  if (!ptp4l_) return next_probe_;
  const MonoTime first = std::min({next_poll_, next_properties_, next_status_});
  return socket_ == ManagementSocket::kReadWrite ? std::min(first, next_subscription_)
                                                 : first;
}

// ---- Answers.

CompanionSource::Asked* CompanionSource::AskedOf(ManagementId id) {
  const auto found = std::find_if(asked_.begin(), asked_.end(),
                                  [id](const Asked& asked) { return asked.id == id; });
  return found != asked_.end() ? &*found : nullptr;
}

// What is pushed goes to who subscribed. Told apart by numbers alone, a reply that
// comes late passed for a push, after which nobody asked any more; and a push, which
// ptp4l counts for itself, for a reply.
const ptp::PortIdentity& CompanionSource::Asker(ManagementId id) const {
  return id == ManagementId::kSubscribeEventsNp ? subscriber_ : settings_.identity;
}

bool CompanionSource::IsReply(const ptp::ManagementMessage& message) {
  const ManagementId id = ptp::IdOf(message.data);
  const Asked* asked = AskedOf(id);
  return asked != nullptr && asked->sequence == message.sequence &&
         message.target == Asker(id);
}

// A question to all ports has several replies, and stays open until the next.
void CompanionSource::Close(ManagementId id) {
  const bool of_ports = id == ManagementId::kPortDataSet ||
                        id == ManagementId::kPortPropertiesNp ||
                        id == ManagementId::kPortHwclockNp;
  if (!of_ports) AskedOf(id)->sequence.reset();
}

std::optional<DropReason> CompanionSource::Refusal(
    const ptp::ManagementMessage& message) {
  if (message.action != ptp::ManagementAction::kResponse ||
      std::holds_alternative<ptp::ManagementQuestion>(message.data)) {
    return DropReason::kNotExpected;
  }
  const bool pushed = message.target == subscriber_;
  if (!pushed && message.target != settings_.identity) return DropReason::kNotForUs;
  if (!ptp4l_) {
    const auto* found = std::get_if<ptp::DefaultDataSet>(&message.data);
    const bool consistent = found && found->domain == message.domain &&
                            found->identity == message.source.clock;
    return consistent ? std::nullopt : std::optional(DropReason::kNotExpected);
  }
  if (message.domain != place_.domain) return DropReason::kOtherDomain;
  if (message.sdo.major != place_.sdo) return DropReason::kOtherSdo;
  if (message.source.clock != ptp4l_->clock) return DropReason::kOtherClock;
  const ManagementId id = ptp::IdOf(message.data);
  const bool pushable = id == ManagementId::kPortDataSet ||
                        id == ManagementId::kTimeStatusNp ||
                        id == ManagementId::kParentDataSet;
  if (IsReply(message) || (pushed && pushable)) return std::nullopt;
  return DropReason::kUnmatched;
}

void CompanionSource::OnDatagram(std::span<const uint8_t> octets, MonoTime now,
                                 ptp::PortActions& out) {
  if (socket_ == ManagementSocket::kClosed) return;
  const ptp::ManagementResult parsed = ptp::ParseManagement(octets);
  if (const auto* reason = std::get_if<DropReason>(&parsed)) {
    return out.push_back(ptp::Dropped{*reason});
  }
  const auto& message = std::get<ptp::ManagementMessage>(parsed);
  if (const auto reason = Refusal(message)) return out.push_back(ptp::Dropped{*reason});
  if (!ptp4l_) return Found(message, now);
  heard_ = true;
  const bool reply = IsReply(message);
  if (reply) Close(ptp::IdOf(message.data));
  if (std::holds_alternative<ptp::ManagementError>(message.data)) {
    return out.push_back(ptp::Dropped{DropReason::kManagementError});
  }
  if (const auto* port = std::get_if<ptp::PortDataSet>(&message.data)) {
    On(*port, now, out);
  } else if (const auto* properties =
                 std::get_if<ptp::PortPropertiesNp>(&message.data)) {
    On(*properties);
  } else if (const auto* clock = std::get_if<ptp::PortHwclockNp>(&message.data)) {
    On(*clock);
  } else if (const auto* parent = std::get_if<ptp::ParentDataSet>(&message.data)) {
    On(*parent, now, out);
  } else if (const auto* current = std::get_if<ptp::CurrentDataSet>(&message.data)) {
    On(*current, out);
  } else if (const auto* time =
                 std::get_if<ptp::TimePropertiesDataSet>(&message.data)) {
    properties_ = *time;
    properties_heard_ = now;
    parent_renewed_ = true;
  } else if (const auto* own = std::get_if<ptp::GrandmasterSettingsNp>(&message.data)) {
    On(*own);
  } else if (const auto* status = std::get_if<ptp::TimeStatusNp>(&message.data)) {
    On(*status, !reply, now);
  }
  Refresh(out);
}

void CompanionSource::On(const ptp::PortDataSet& set, MonoTime now,
                         ptp::PortActions& out) {
  Port* port = PortOf(set.port);
  if (port == nullptr) return out.push_back(ptp::Dropped{DropReason::kOtherClock});
  parent_renewed_ = true;
  const PortState followed = state();
  const PortState before = std::exchange(port->set, set).state;
  if (before == set.state) return;
  Say(Severity::kInfo,
      absl::StrCat("ptp4l's port ", set.port.port, ": ", ptp::PortStateName(before),
                   " -> ", ptp::PortStateName(set.state)));
  // A card that was pulled out and put back may have another PHC.
  if (before == PortState::kFaulty && socket_ == ManagementSocket::kReadWrite) {
    AskAboutClocks();
  }
  ChooseClock();
  if (state() == followed) return;
  AskAboutMaster(now);
  // Not in the middle of it: a ptp4l that sets its clock anew.
  if (followed == PortState::kUncalibrated && state() == PortState::kSlave) {
    settling_ = Settling{now, now, std::nullopt};
  }
}

void CompanionSource::On(const ptp::PortHwclockNp& clock) {
  if (Port* port = PortOf(clock.port)) port->phc_index = clock.phc_index;
}

void CompanionSource::On(const ptp::PortPropertiesNp& properties) {
  Port* port = PortOf(properties.port);
  if (port == nullptr) return;
  port->clock =
      UseClock{properties.hardware() ? StampKind::kHardware : StampKind::kSoftware,
               std::string(properties.interface.data(), properties.interface.size()),
               properties.hardware() ? port->phc_index : std::nullopt};
  ChooseClock();
}

void CompanionSource::On(const ptp::ParentDataSet& set, MonoTime now,
                         ptp::PortActions& out) {
  const auto& allowed = settings_.allowed_masters;
  if (!allowed.empty() &&
      std::find(allowed.begin(), allowed.end(), set.grandmaster) == allowed.end()) {
    out.push_back(ptp::Dropped{DropReason::kMasterNotAllowed});
  }
  if (parent_set_ == set) return;
  const bool other = parent_set_ && (parent_set_->parent != set.parent ||
                                     parent_set_->grandmaster != set.grandmaster);
  const bool first = !parent_set_;
  if (other) ForgetMaster();
  parent_set_ = set;
  if (other) AskStatus(now);
  if (!first) AskAboutTimescale(now);
}

// What another master said is not this one's word.
void CompanionSource::ForgetMaster() {
  parent_set_.reset();
  properties_.reset();
  current_.reset();
  pending_.reset();
  rhythm_.Clear();
  wants_pushes_ = true;
}

void CompanionSource::On(const ptp::GrandmasterSettingsNp& settings) {
  // With software stamps it is part of each measurement.
  if (own_settings_ && own_settings_->utc_offset != settings.utc_offset &&
      !hardware()) {
    ForgetMeasurements();
  }
  own_settings_ = settings;
}

// Many pushes are welcome at first only; then fewer polls cost less.
void CompanionSource::OnPush(MonoTime now) {
  const bool often = now < std::exchange(last_push_, now) + kPushesTooOften;
  if (often && measured_ >= kFirstMeasurements) {
    wants_pushes_ = false;
    Subscribe(now, kSubscribed);
  }
  pushed_ = wants_pushes_;
}

void CompanionSource::On(const ptp::TimeStatusNp& status, bool pushed, MonoTime now) {
  if (pushed) OnPush(now);
  const bool other = parent_set_ && status.grandmaster != parent_set_->grandmaster;
  status_ = status;
  if (other) {
    ForgetMaster();
    AskAboutMaster(now);
  }
  const bool repeated = status.ingress_time == last_ingress_;
  last_ingress_ = status.ingress_time;
  if (!repeated) {
    retried_ = false;
    rhythm_.Add(status.ingress_time, now);
    const bool often = measured_at_ && now < *measured_at_ + kMostOften;
    if (status.gm_present && state() == PortState::kSlave && !(pushed && often)) {
      pending_ = {status};
      if (pushed) Ask(ManagementId::kCurrentDataSet);
    }
  }
  PlanStatus(now, repeated);
}

void CompanionSource::On(const ptp::CurrentDataSet& set, ptp::PortActions& out) {
  current_ = set;
  if (!pending_ || pending_->delay) return;
  if (set.offset_from_master == pending_->status.master_offset) {
    pending_->delay = set.mean_path_delay;
  } else {
    // Another Sync came between the two.
    pending_.reset();
    out.push_back(ptp::Dropped{DropReason::kUnmatched});
  }
}

// ---- What follows from them.

// Made when it is heard of first; nothing for a port of another clock, or too many.
CompanionSource::Port* CompanionSource::PortOf(const ptp::PortIdentity& identity) {
  if (identity.clock != ptp4l_->clock) return nullptr;
  const auto found =
      std::find_if(ports_.begin(), ports_.end(),
                   [&identity](const Port& port) { return port.set.port == identity; });
  if (found != ports_.end()) return &*found;
  if (ports_.size() >= kMostPorts) return nullptr;
  ports_.emplace_back().set.port = identity;
  return &ports_.back();
}

// Of a boundary clock's ports the one that follows a master.
const CompanionSource::Port* CompanionSource::Chosen() const {
  for (const PortState wanted : {PortState::kSlave, PortState::kUncalibrated}) {
    for (const Port& port : ports_) {
      if (port.set.state == wanted) return &port;
    }
  }
  return ports_.empty() ? nullptr : &ports_.front();
}

PortState CompanionSource::state() const {
  if (const Port* port = Chosen()) return port->set.state;
  return found_before_ ? PortState::kFaulty : PortState::kInitializing;
}

void CompanionSource::ChooseClock() {
  if (socket_ == ManagementSocket::kReadWrite) {
    guessing_ = false;
    const Port* port = Chosen();
    if (port != nullptr && port->clock) Use(*port->clock);
    return;
  }
  if (clock_) return;
  guessing_ = !settings_.stamps;
  if (settings_.interface.empty() && settings_.stamps != StampKind::kSoftware) {
    Say(Severity::kWarning,
        "ptp4l's read-only socket does not tell its interface: name it as "
        "ptp.interface, or let refclockd use the read-write socket");
  }
  // The PHC is read too until it is known whose stamps these are.
  Use({settings_.stamps.value_or(StampKind::kHardware), settings_.interface, {}});
}

void CompanionSource::Use(const UseClock& clock) {
  if (clock_ == clock) return;
  clock_ = clock;
  pace_.Reset();
  dial_ppb_.reset();
  ForgetMeasurements();
  actions_.push_back(clock);
  if (guessing_) return;
  Say(Severity::kNotice, absl::StrCat("ptp4l's stamps are of ", ClockName(clock)));
}

std::optional<ptp::ParentInfo> CompanionSource::Followed() const {
  const PortState now = state();
  if (!ptp4l_ || (now != PortState::kSlave && now != PortState::kUncalibrated) ||
      !status_ || !status_->gm_present || !parent_set_ || !current_ || !properties_) {
    return std::nullopt;
  }
  const auto& allowed = settings_.allowed_masters;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(),
                                    parent_set_->grandmaster) == allowed.end()) {
    return std::nullopt;
  }
  return ptp::ParentInfo{.port = parent_set_->parent,
                         .grandmaster = parent_set_->grandmaster,
                         .priority1 = parent_set_->priority1,
                         .priority2 = parent_set_->priority2,
                         .quality = parent_set_->quality,
                         .steps_removed = current_->steps_removed,
                         .time_source = properties_->time_source,
                         .current_utc_offset = properties_->current_utc_offset,
                         .flags = properties_->flags};
}

bool CompanionSource::steers_system_clock() const {
  return clock_ && !guessing_ && !hardware() && state() == PortState::kSlave;
}

void CompanionSource::Refresh(ptp::PortActions& out) {
  if (steers_system_clock() && !std::exchange(told_steering_, true)) {
    Say(Severity::kWarning, kSteersSystemClock);
  }
  const std::optional<ptp::ParentInfo> followed = Followed();
  if (followed == parent_) return;
  const bool same = followed && parent_ && followed->port == parent_->port &&
                    followed->grandmaster == parent_->grandmaster;
  // With software stamps TAI-UTC is part of each measurement.
  const bool timescale =
      same && followed->flags.ptp_timescale != parent_->flags.ptp_timescale;
  parent_ = followed;
  if (!same || (timescale && !hardware())) {
    ForgetMeasurements();
    if (parent_) out.push_back(ptp::MeasuringRestarted{parent_->port});
  }
  out.push_back(ptp::ParentChanged{parent_});
}

std::optional<TimeSource::ParentNews> CompanionSource::parent_news() const {
  const Port* port = Chosen();
  if (!parent_ || port == nullptr) return std::nullopt;
  return ParentNews{properties_heard_,
                    ToDuration(port->set.announce_interval, absl::Seconds(2))};
}

absl::Duration CompanionSource::MeasuringInterval() const {
  if (pushed_) return sync_interval();
  return std::max(sync_interval(), PollInterval());
}

// Of Syncs that are more frequent the interval is of no use to anybody.
absl::Duration CompanionSource::sync_interval() const {
  if (pushed_ && rhythm_.known()) return rhythm_.interval();
  return std::max(rhythm_.known() ? rhythm_.fastest() : absl::ZeroDuration(),
                  kMeasuring);
}

void CompanionSource::ForgetMeasurements() {
  estimator_.Reset();
  last_good_sync_.reset();
  pending_.reset();
  measured_ = 0;
  next_delay_ = {};
}

void CompanionSource::Restart(MonoTime now, ptp::PortActions&) {
  carrier_.Reset();
  pace_.Reset();
  ForgetMeasurements();
  if (ptp4l_) next_poll_ = now;
}

// ---- Measuring.

TimeSource::Reading CompanionSource::OnReading(const ClockReading& reading,
                                               MonoTime now, ptp::PortActions& out) {
  const auto steady = OnPair(reading.pair, now);
  const CrossTimestamp<Raw>& pair = reading.pair;
  Reading result;
  result.system_stepped = steady == SteadyTimeBase::PairVerdict::kStepped;
  result.wide = steady == SteadyTimeBase::PairVerdict::kWide;
  result.local = {AsLocal(pair.local), pair.system, pair.window};
  const bool followed = !hardware() || FollowPhc(reading);
  if (hardware()) result.local->window += pace_.window();
  if (wants_reading()) {
    if (followed || guessing_) Measure(reading, now, out);
    pending_.reset();
  }
  return result;
}

bool CompanionSource::FollowPhc(const ClockReading& reading) {
  if (!reading.phc) return false;
  // Where CLOCK_MONOTONIC_RAW stood when the PHC was read.
  const std::optional<RawTime> raw = carrier_.steady().Carry(reading.phc->system);
  if (!raw) return false;
  const auto verdict = pace_.AddReading(
      reading.phc->local, *raw, reading.phc->window + reading.pair.window, dial_ppb_);
  if (verdict == PhcPace::Verdict::kStepped) ++phc_steps_;
  return verdict == PhcPace::Verdict::kGood;
}

// A read-only socket does not tell whose stamps these are; they are of a moment ago.
void CompanionSource::GuessClock(TimeDelta ingress, const ClockReading& reading) {
  const auto recent = [ingress](TimeDelta clock) {
    return ingress <= clock && clock - ingress <= kOldestSync;
  };
  const bool system = recent(reading.pair.system.SinceEpoch());
  const bool phc = reading.phc && recent(reading.phc->local.SinceEpoch());
  if (!system && !phc) return;
  // Both, where a PHC holds UTC: ptp4l says what its own clock would announce.
  const bool software =
      phc && system ? own_settings_ && !own_settings_->flags.ptp_timescale : system;
  guessing_ = false;
  UseClock clock = *clock_;
  clock.stamps = software ? StampKind::kSoftware : StampKind::kHardware;
  if (clock != *clock_) return Use(clock);
  Say(Severity::kNotice, absl::StrCat("ptp4l's stamps are of ", ClockName(clock)));
}

std::optional<RawTime> CompanionSource::Carry(TimeDelta ingress,
                                              const ClockReading& reading) const {
  if (hardware()) return pace_.Carry(PhcTime() + ingress);
  const TimeDelta age = reading.pair.system.SinceEpoch() - ingress;
  if (age < TimeDelta() || age > kOldestSync) return std::nullopt;
  return carrier_.steady().Carry(UtcTime() + ingress);
}

// How far ptp4l keeps its clock behind the master's time. CLOCK_REALTIME is to show
// UTC, so it takes what it believes to be TAI-UTC off whatever is not UTC already: that
// is undone here, right or wrong. `utc`: of the Sync, by ptp4l.
std::optional<TimeDelta> CompanionSource::BehindMaster(UtcTime utc) {
  if (!properties_) return std::nullopt;
  const ptp::Flags& flags = properties_->flags;
  if (hardware() || !flags.ptp_timescale) return TimeDelta();
  const int told =
      own_settings_ ? own_settings_->utc_offset : properties_->current_utc_offset;
  const int announced = flags.leap61 ? 1 : flags.leap59 ? -1 : 0;
  return TimeDelta::FromSeconds(told + leap_.Correction(utc, announced));
}

// Whole seconds may come of what the master announces now, and ptp4l tells too late: it
// is asked before they are believed.
bool CompanionSource::JumpExplained(LocalTime t2, TaiTime t1, MonoTime now) {
  constexpr TimeDelta kJump = TimeDelta::FromMillis(500);
  const bool jump = last_tai_ && ((t1 - *last_tai_) - (t2 - last_local_)).Abs() > kJump;
  if (!jump || hardware()) {
    jumped_.reset();
    return true;
  }
  if (!jumped_) {
    jumped_ = now;
    AskAboutTimescale(now);
  }
  return properties_heard_ >= *jumped_;
}

// Before ptp4l has set its clock's rate, its path delays are wrong by what that clock
// drifts between a Sync and a Delay_Req: tens of microseconds, for several seconds.
bool CompanionSource::DelaySettled(TimeDelta delay, MonoTime now) {
  if (!settling_) return true;
  const TimeDelta tolerance =
      std::max(TimeDelta::FromMicros(1), delay.Abs().Half().Half());
  if (!settling_->delay || (delay - *settling_->delay).Abs() > tolerance) {
    settling_->delay = delay;
    settling_->since = now;
  }
  if (now - kSettled < settling_->since && now - kSettledAtMost < settling_->began) {
    return false;
  }
  settling_.reset();
  return true;
}

void CompanionSource::Measure(const ClockReading& reading, MonoTime now,
                              ptp::PortActions& out) {
  const TimeDelta ingress = pending_->status.ingress_time;
  const TimeDelta offset = pending_->status.master_offset;
  const TimeDelta delay = *pending_->delay;
  if (state() != PortState::kSlave) return;
  if (guessing_) {
    GuessClock(ingress, reading);
    if (!pending_) return;  // It is another one than was thought.
  }
  const std::optional<RawTime> raw = Carry(ingress, reading);
  const std::optional<TimeDelta> behind = BehindMaster(UtcTime() + (ingress - offset));
  if (!raw || !behind) {
    ++stamps_refused_;
    return out.push_back(ptp::Dropped{DropReason::kIngressImplausible});
  }
  if (!DelaySettled(delay, now)) return;
  // ptp4l's offset is t2 - t1 less the path delay that it took for true: with that put
  // back, noise of its own filter does not get into t2 - t1.
  const LocalTime t2 = AsLocal(*raw);
  const TaiTime t1 = TaiTime() + (ingress - offset - delay + *behind);
  if (!JumpExplained(t2, t1, now)) return;
  last_tai_ = t1;
  last_local_ = t2;
  rhythm_.Correct(reading.pair.local - *raw);
  ++measured_;
  measured_at_ = now;
  next_status_ = NextBeat(now);

  const auto before = estimator_.last_sync();
  estimator_.AddSync(t2, t1);
  if (now >= next_delay_ || estimator_.suspicious()) {
    estimator_.AddPeerDelay(t2, delay);
    const Port* port = Chosen();
    const bool p2p = port->set.delay_mechanism == ptp::DelayMechanism::kP2P;
    next_delay_ =
        now + kDelayFilter * ToDuration(p2p ? port->set.min_pdelay_req_interval
                                            : port->set.min_delay_req_interval,
                                        absl::Seconds(1));
  }
  if (estimator_.last_sync() != before) last_good_sync_ = now;
}

bool CompanionSource::NearMonthEnd() const {
  if (!last_tai_) return false;
  // TAI for UTC: half a minute more or less.
  const UtcTime utc = UtcTime() + last_tai_->SinceEpoch();
  return NextMonthStart(utc) - utc < kMonthEnd || utc - MonthStart(utc) < kMonthEnd;
}

}  // namespace bridge
