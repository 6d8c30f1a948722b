#include "bridge/os/client_port.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/clocks.h"
#include "bridge/os/ethtool.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

// How often the global setting of hardware stamps is looked at, in seconds.
constexpr int kLookAfterStamps = 10;
constexpr int kFollowDial = 4;
constexpr int kRemember = 3'600;

ptp::PortIdentity IdentityOf(const InterfaceInfo& interface, uint16_t number) {
  return {ptp::ClockIdentity::FromMac(interface.mac), number};
}

PtpTransport::Options TransportOptions(const Config& config) {
  return {
      .kind = config.ptp.transport,
      .interface = config.ptp.interface,
      .stamps = config.ptp.timestamping == Timestamping::kHardware
                    ? StampKind::kHardware
                    : StampKind::kSoftware,
      // A wait of our own making is no latency.
      .patient = config.role == Role::kClient && config.ebpf.enable == EbpfUse::kOff};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClientPort>> ClientPort::Open(
    const Config& config, uint16_t number, Hardware hardware,
    const PortSurroundings& surroundings) {
  ASSIGN_OR_RETURN(const InterfaceInfo interface, ReadInterface(config.ptp.interface));
  ASSIGN_OR_RETURN(auto transport, PtpTransport::Open(TransportOptions(config)));
  std::unique_ptr<ClientPort> port(new ClientPort(config, IdentityOf(interface, number),
                                                  std::move(hardware),
                                                  std::move(transport), surroundings));
  RETURN_IF_ERROR(port->OpenOutputs());
  for (const LogLine& line : std::exchange(port->hardware_.news, {})) {
    port->log_.Write(line);
  }
  port->WarnOfInterface();
  RETURN_IF_ERROR(port->OpenMeter());
  return port;
}

ClientPort::ClientPort(const Config& config, ptp::PortIdentity identity,
                       Hardware hardware, std::unique_ptr<PtpTransport> transport,
                       const PortSurroundings& surroundings)
    : Port(config, identity, surroundings),
      hardware_(std::move(hardware)),
      link_(config.ptp.interface),
      transport_(std::move(transport)) {}

ClientPort::~ClientPort() {
  Finish();
  Flush(MonoNow());
  RememberFrequency(MonoNow());
}

// Measuring is worth a line when it can't be had, and an end only when it was required.
absl::Status ClientPort::OpenMeter() {
  if (config_.ebpf.enable == EbpfUse::kOff) return absl::OkStatus();
  auto meter = std::make_unique<LatencyMeter>(LatencyMeter::Options{
      .interface = config_.ptp.interface, .transport = config_.ptp.transport});
  if (config_.ebpf.enable == EbpfUse::kRequired && meter->tier() == ebpf::Tier::kNone) {
    return absl::FailedPreconditionError(absl::StrCat(
        "ebpf.enable = \"required\": ",
        meter->refusals().empty() ? "no hooks" : meter->refusals().back().text));
  }
  for (const ebpf::Refusal& refusal : meter->refusals()) {
    log_.Write({Severity::kNotice, refusal.text});
  }
  log_.Write({Severity::kNotice, absl::StrCat("latencies are measured by ",
                                              meter->tier() == ebpf::Tier::kNone
                                                  ? "our own clock readings only"
                                                  : ebpf::TierName(meter->tier()))});
  std::vector<pollfd> sockets;
  transport_->AppendPollFds(sockets);
  for (const pollfd& socket : sockets) meter->Own(socket.fd);
  meter->Own(transport_->events());
  // Loading takes a while; no hook has seen what came meanwhile.
  while (true) {
    const auto frame = transport_->Receive(buffer_);
    if (!frame.ok() || !*frame) break;
  }
  meter_ = std::move(meter);
  return absl::OkStatus();
}

// What will keep samples from coming although nothing fails.
void ClientPort::WarnOfInterface() const {
  const std::string& name = config_.ptp.interface;
  if (!hardware_.present() && StampsTransmissions(name) == false) {
    log_.Write({Severity::kWarning, absl::StrCat("the driver of ", name,
                                                 " stamps no transmissions: the path "
                                                 "delay cannot be measured")});
  }
  const auto addresses = ReadAddresses(name);
  if (!addresses) return;
  const bool missing =
      (config_.ptp.transport == Transport::kUdp4 && !addresses->ipv4) ||
      (config_.ptp.transport == Transport::kUdp6 && !addresses->ipv6_link_local);
  if (missing) {
    log_.Write({Severity::kWarning, absl::StrCat(name,
                                                 " has no address yet: requests "
                                                 "cannot be sent until it has")});
  }
}

void ClientPort::Start(MonoTime now) {
  if (!link_.netlink_status().ok()) {
    log_.Write(
        {Severity::kWarning, absl::StrCat("looking at the interface once a second: ",
                                          link_.netlink_status().message())});
  }
  BeginSteering(now);
  engine_->OnPair(ReadPair(), now, actions_);
  engine_->OnLink(link_.IsUp(), now, actions_);
  CarryOut(now);
  Flush(now);
}

// Better the frequency it had when it last followed a master than none.
void ClientPort::BeginSteering(MonoTime now) {
  if (!hardware_.present()) return;
  if (const auto first = RememberedFrequency(now)) {
    Adjust(*first, now);
  } else {
    FollowDial(now);
  }
}

std::optional<SetPhcFrequency> ClientPort::RememberedFrequency(MonoTime now) {
  if (!hardware_.drift) return std::nullopt;
  const auto read = hardware_.drift->Read();
  if (read.ok()) return *read;
  Warn(std::string(read.status().message()), now);
  return std::nullopt;
}

// An error is told once an hour at most, and worth no more.
void ClientPort::RememberFrequency(MonoTime now) {
  if (!hardware_.drift || !adjusted_) return;
  const absl::Status written = hardware_.drift->Write(*dialled_);
  if (!written.ok()) Warn(std::string(written.message()), now);
}

// ---- A turn.

void ClientPort::AppendPollFds(std::vector<pollfd>& polled, bool all) {
  transport_fds_.first = polled.size();
  if (transport_) transport_->AppendPollFds(polled, all);
  transport_fds_.count = polled.size() - transport_fds_.first;
  link_fds_.first = polled.size();
  if (all && link_.fd() >= 0) polled.push_back({link_.fd(), POLLIN, 0});
  link_fds_.count = polled.size() - link_fds_.first;
}

void ClientPort::OnPolled(const std::vector<pollfd>& polled, MonoTime now) {
  const auto ready = [&polled](PolledRange range, short events) {
    const auto fds = std::span(polled).subspan(range.first, range.count);
    return std::any_of(fds.begin(), fds.end(), [events](const pollfd& fd) {
      return (fd.revents & events) != 0;
    });
  };
  if (transport_ && ready(transport_fds_, ~0)) {
    ReadFrames(ready(transport_fds_, POLLPRI | POLLERR), now);
  }
  if (ready(link_fds_, ~0)) OnLinkEvent(link_.OnReadable(), now);
}

void ClientPort::AfterTurn(MonoTime now) {
  Port::AfterTurn(now);
  // On most interfaces the stamp of what was just sent is there already.
  if (std::exchange(sent_event_, false)) ReadTransmitted(now);
  Flush(now);
}

void ClientPort::ReadFrames(bool errors, MonoTime now) {
  // After the stamps that wait to be read and before they are used.
  if (!hardware()) {
    engine_->OnPair(ReadPair(), now, actions_);
    CarryOut(now);
  }
  if (errors) ReadTransmitted(now);
  while (transport_) {
    const auto frame = transport_->Receive(buffer_);
    if (!frame.ok()) {
      TellNetworkError(frame.status(), now);
      break;
    }
    if (!*frame) break;
    if (meter_) meter_->Received((*frame)->octets, (*frame)->stamp, MonoNow());
    engine_->OnFrame((*frame)->octets, (*frame)->stamp, (*frame)->from, now, actions_);
    CarryOut(now);
  }
}

void ClientPort::ReadTransmitted(MonoTime now) {
  while (transport_) {
    const auto stamp = transport_->ReadTransmitted();
    if (!stamp) break;
    if (meter_) meter_->StampRead(stamp->token, stamp->sent, MonoNow());
    if (!hardware()) engine_->OnPair(ReadPair(), now, actions_);
    engine_->OnTransmitted(stamp->token, stamp->sent, now, actions_);
    CarryOut(now);
  }
}

// ---- Interface and clock come and go.

void ClientPort::OnLinkEvent(std::optional<LinkEvent> event, MonoTime now) {
  if (!event) return;
  const std::string& name = config_.ptp.interface;
  switch (*event) {
    case LinkEvent::kUp:
    case LinkEvent::kDown:
      log_.Write({Severity::kNotice,
                  absl::StrCat(name, link_.IsUp() ? " is up" : " is down")});
      // Drivers that reset the PHC with the link forget this, too.
      if (link_.IsUp() && adjusted_) Adjust(SetPhcFrequency(*dialled_), now);
      break;
    case LinkEvent::kGone:
      log_.Write({Severity::kWarning,
                  absl::StrCat(name, " is gone: waiting until there is one again")});
      transport_.reset();
      LosePhc(now);
      break;
    case LinkEvent::kBack:
    case LinkEvent::kReplaced:
      log_.Write({Severity::kNotice, absl::StrCat(name, " is there again")});
      engine_->OnLink(false, now, actions_);
      CarryOut(now);
      LosePhc(now);  // It may be another one now.
      Reopen(now);
      break;
  }
  engine_->OnLink(link_.IsUp() && Ready(), now, actions_);
  CarryOut(now);
}

// Its number is free as soon as nobody has it open: then it can come back as it was.
void ClientPort::LosePhc(MonoTime now) {
  RememberFrequency(now);
  hardware_ = Hardware();
  dialled_.reset();
  adjusted_ = false;
}

// Whatever the configuration names: by now it may be another's.
absl::Status ClientPort::FindPhc(MonoTime now) {
  Config again = config_;
  again.phc.device = "auto";
  ASSIGN_OR_RETURN(hardware_, FindHardware(again));
  for (const LogLine& line : std::exchange(hardware_.news, {})) log_.Write(line);
  engine_->OnResume(now, actions_);
  CarryOut(now);
  BeginSteering(now);
  return absl::OkStatus();
}

void ClientPort::Reopen(MonoTime now) {
  const auto open = [this, now]() -> absl::Status {
    if (hardware() && !hardware_.present()) RETURN_IF_ERROR(FindPhc(now));
    ASSIGN_OR_RETURN(transport_, PtpTransport::Open(TransportOptions(config_)));
    return absl::OkStatus();
  };
  transport_.reset();
  if (const absl::Status opened = open(); !opened.ok()) {
    const std::string refusal(opened.message());
    if (refusal != last_refusal_) log_.Write({Severity::kWarning, refusal});
    last_refusal_ = refusal;
    return;
  }
  last_refusal_.clear();
  if (!meter_) return;
  meter_.reset();  // The interface is another one now.
  if (const auto measured = OpenMeter(); !measured.ok()) {
    Warn(std::string(measured.message()), now);
  }
}

void ClientPort::OncePerSecond(const std::optional<KernelClock>& kernel, MonoTime now) {
  Port::OncePerSecond(kernel, now);
  if (meter_) meter_->Drain(now);
  if (link_.fd() < 0) OnLinkEvent(link_.Refresh(), now);
  if (hardware_.present()) LookAfterHardware(now);
  if (!Ready() && link_.info()) {  // It could not be opened when it came back.
    Reopen(now);
    engine_->OnLink(link_.IsUp() && Ready(), now, actions_);
    CarryOut(now);
  }
}

void ClientPort::LookAfterHardware(MonoTime now) {
  if (++seconds_ % kFollowDial == 0) FollowDial(now);
  if (seconds_ % kRemember == 0) RememberFrequency(now);
  // While it is wrong, one-step Syncs leave with what we guess.
  const bool one_step = syncs_ == SyncStamps::kOneStep;
  if (!one_step && seconds_ % kLookAfterStamps != 0) return;
  const std::string& interface = config_.ptp.interface;
  if (AnotherClockStamps()) {
    Warn(absl::StrCat(interface, " stamps no more with ", hardware_.phc->device(),
                      ": looking for its clock anew"),
         now);
    LosePhc(now);
    return;
  }
  if (HardwareStampsEnabled(interface, config_.ptp.transport, syncs_) != false) return;
  ++stamps_switched_on_again_;
  const absl::Status enabled =
      EnableHardwareStamps(interface, config_.ptp.transport, syncs_);
  Warn(
      absl::StrCat(
          "another program switched the hardware time stamps of ", interface, " off",
          enabled.ok() ? "; they are on again" : absl::StrCat(": ", enabled.message())),
      now);
}

// Of an interface with several, the one that stamps may be chosen at any time
// (ETHTOOL_MSG_TSCONFIG_SET, Linux 6.14). The ioctl says it too, in a tenth of the
// calls.
bool ClientPort::AnotherClockStamps() const {
  const auto stamps = ReadStampsByIoctl(config_.ptp.interface);
  const int ours = hardware_.phc->index();
  return stamps && stamps->phc && ours >= 0 && *stamps->phc != ours;
}

// Somebody else may steer the PHC too. What is dialled is undone either way, as far as
// a look now and then can tell.
void ClientPort::FollowDial(MonoTime now) {
  if (ServesPhc(config_)) return;  // As it should be.
  const auto dialled = hardware_.phc->ReadFrequency();
  if (!dialled.ok()) return;
  if (dialled_ && dialled->Scaled() == dialled_->Scaled()) return;
  if (dialled_) {
    ++dialled_by_others_;
    if (dialled_by_others_ == 1) {
      log_.Write(
          {Severity::kWarning,
           absl::StrCat("another program steers ", hardware_.phc->device(),
                        config_.phc.mode == PhcMode::kDiscipline
                            ? ", as we do: stop it, or set phc.mode = \"observe\""
                            : ": samples are less exact while it does")});
    }
  }
  dialled_ = *dialled;
  engine_->OnPhcAdjusted({*dialled, RawNow()}, now, actions_);
  CarryOut(now);
}

// ---- Actions.

ClockReading ClientPort::ReadClocks(MonoTime now) {
  std::optional<CrossTimestamp<Phc>> phc;
  if (hardware_.present()) {
    const auto read = hardware_.phc->Read();
    if (read.ok()) {
      phc = *read;
      if (meter_) meter_->OnPhcReading(*read);
    } else {
      OnPhcError(read.status(), now);
    }
  }
  return {ReadPair(), phc};
}

// One that is gone is waited for. The engine hears of it within a second, from
// OncePerSecond.
void ClientPort::OnPhcError(const absl::Status& error, MonoTime now) {
  if (!absl::IsNotFound(error)) return Warn(std::string(error.message()), now);
  log_.Write({Severity::kWarning,
              absl::StrCat(hardware_.phc->device(), " is gone: waiting until ",
                           config_.ptp.interface, " has a clock")});
  LosePhc(now);
}

void ClientPort::Adjust(const PhcCommand& command, MonoTime now) {
  if (!hardware_.present()) return;
  const RawTime before = RawNow();
  const auto applied = hardware_.phc->Adjust(command);
  const RawTime after = RawNow();
  if (!applied.ok()) {
    const bool gone = absl::IsNotFound(applied.status());
    OnPhcError(applied.status(), now);
    // No refusal: it will do again when it is back.
    if (!gone) engine_->OnPhcAdjusted({command, std::nullopt}, now, actions_);
    return;
  }
  if (meter_ && std::holds_alternative<StepPhc>(*applied)) meter_->OnPhcStepped();
  if (const auto* frequency = std::get_if<SetPhcFrequency>(&*applied)) {
    dialled_ = *frequency;
    adjusted_ = true;
  }
  engine_->OnPhcAdjusted({*applied, before + (after - before).Half()}, now, actions_);
}

// Where that fails, each Sync has a Follow_Up: worth a line, and no more.
void ClientPort::Switch(const SetOneStep& one_step, MonoTime now) {
  const auto set = [this](SyncStamps syncs) {
    syncs_ = syncs;
    return EnableHardwareStamps(config_.ptp.interface, config_.ptp.transport, syncs);
  };
  bool on = one_step.on;
  if (on) {
    const absl::Status switched = set(SyncStamps::kOneStep);
    on = switched.ok();
    if (!on) Warn(absl::StrCat("Syncs stay two-step: ", switched.message()), now);
  }
  // An interface that is gone is dealt with when it is back.
  if (!on) set(SyncStamps::kTwoStep).IgnoreError();
  engine_->OnOneStep(on, now, actions_);
}

void ClientPort::Send(const ptp::Send& message, MonoTime now) {
  if (!transport_) return;
  if (meter_ && ptp::IsEvent(message.type)) meter_->Sending(message, MonoNow());
  const absl::Status sent = transport_->Send(message);
  sent_event_ |= sent.ok() && ptp::IsEvent(message.type);
  if (!sent.ok()) TellNetworkError(sent, now);
}

void ClientPort::Flush(MonoTime now) {
  if (!transport_) return;
  const absl::Status sent = transport_->Flush();
  if (!sent.ok()) TellNetworkError(sent, now);
}

// An interface that is down or gone is told of as such, when it is looked at.
void ClientPort::TellNetworkError(const absl::Status& error, MonoTime now) {
  const auto interface = ReadInterface(config_.ptp.interface);
  if (interface.ok() && interface->up) Warn(std::string(error.message()), now);
}

StatusReport ClientPort::Report(MonoTime now) const {
  StatusReport report = Port::Report(now);
  if (meter_) {
    std::optional<TimeDelta> path;
    if (report.path_delay_ns) path = TimeDelta::FromNanosDouble(*report.path_delay_ns);
    report.rx_latency = meter_->Report(now, path);
  }
  const auto count = [&report](const char* name, uint64_t value) {
    report.counters.emplace_back(name, value);
  };
  if (transport_) {
    transport_->CountOverflows();
    const PtpTransport::Counters& counters = transport_->counters();
    count("rx_ignored", counters.rx_ignored);
    count("rx_overflows", counters.rx_overflows);
    count("rx_truncated", counters.rx_truncated);
    count("sent", counters.sent);
    count("send_errors", counters.send_errors);
    count("tx_stamps_missing", counters.tx_stamps_missing);
    count("tx_stamps_late", counters.tx_stamps_late);
    count("tx_stamps_duplicate", counters.tx_stamps_duplicate);
    count("tx_stamps_empty", counters.tx_stamps_empty);
    count("tx_stamps_unknown", counters.tx_stamps_unknown);
  }
  if (hardware_.present()) {
    DescribePhc(*hardware_.phc, *report.phc);
    for (const Quirk& quirk : hardware_.quirks) {
      report.phc->quirks.push_back({quirk.name, quirk.sentence});
    }
    count("phc_read_errors", hardware_.phc->read_errors());
    count("phc_dialled_by_others", dialled_by_others_);
    count("stamps_switched_on_again", stamps_switched_on_again_);
  } else if (hardware()) {
    report.phc.reset();
    report.warnings.push_back(
        {"phc-gone", absl::StrCat("waiting until there is a ", config_.ptp.interface,
                                  " with a hardware clock")});
  }
  return report;
}

}  // namespace bridge::os
