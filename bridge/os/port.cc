#include "bridge/os/port.h"

#include <utility>

#include "bridge/base/status_macros.h"
#include "bridge/os/clocks.h"

namespace bridge::os {
namespace {

// Only spreads the times of requests: any number will do that differs between
// hosts and starts.
uint64_t Seed(ptp::PortIdentity identity) {
  return (identity.clock.value + identity.port) ^
         static_cast<uint64_t>(MonoNow().Nanos());
}

}  // namespace

Port::Port(const Config& config, ptp::PortIdentity identity,
           const PortSurroundings& surroundings)
    : config_(config),
      engine_(MakeEngine(config, identity, Seed(identity))),
      surroundings_(surroundings) {}

absl::Status Port::OpenOutputs() {
  for (const Config::Shm& shm : config_.output.shm) {
    ASSIGN_OR_RETURN(auto sink, ShmSink::Attach(shm.unit, shm.mode));
    fed_before_ |= sink->fed_before();
    shm_.push_back(std::move(sink));
  }
  for (const Config::Sock& sock : config_.output.sock) {
    ASSIGN_OR_RETURN(auto sink, SockSink::Open(sock.path));
    sock_.push_back(std::move(sink));
  }
  if (TraceFile* record = surroundings_.record) {
    recorder_.emplace([record](absl::string_view line) { record->Write(line); },
                      surroundings_.version);
    engine_->set_recorder(&*recorder_);
  }
  return absl::OkStatus();
}

void Port::Finish() {
  engine_->Stop(MonoNow(), actions_);
  CarryOut(MonoNow());
  if (recorder_) recorder_->End();
  if (surroundings_.record) surroundings_.record->Flush();
}

void Port::Warn(std::string text, MonoTime now) {
  if (!error_log_.Allow(now.SinceEpoch().SecondsDouble())) return;
  log_.Write({Severity::kWarning, std::move(text)});
}

std::optional<MonoTime> Port::Deadline() {
  if (!std::exchange(deadline_known_, true)) deadline_ = engine_->Deadline();
  return deadline_;
}

void Port::AfterTurn(MonoTime now) {
  const auto deadline = Port::Deadline();
  if (!deadline || now < *deadline) return;
  engine_->OnTime(now, actions_);
  CarryOut(now);
}

void Port::OncePerSecond(const std::optional<KernelClock>& kernel, MonoTime now) {
  if (surroundings_.record) surroundings_.record->Flush();
  if (!kernel) return;
  KernelClock clock = *kernel;
  clock.may_be_ours = fed_before_;
  engine_->OnKernelClock(clock, now, actions_);
  CarryOut(now);
}

void Port::OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now) {
  engine_->OnLeapFile(table, now, actions_);
  CarryOut(now);
}

void Port::OnGnss(const GnssReport& report, MonoTime now) {
  engine_->OnGnss(report, now, actions_);
  CarryOut(now);
}

void Port::OnResume(MonoTime now) {
  engine_->OnResume(now, actions_);
  CarryOut(now);
}

void Port::CarryOut(MonoTime now) {
  deadline_known_ = false;
  bool fed = false;
  // Actions that follow from answers are appended while we walk, so each is taken out
  // before it is carried out.
  for (size_t i = 0; i < actions_.size(); ++i) {
    const Action action = std::move(actions_[i]);
    if (const auto* send = std::get_if<SendMessage>(&action)) {
      Send(*send, now);
    } else if (const auto* read = std::get_if<ReadCrossTimestamp>(&action)) {
      const ClockReading reading =
          read->pair_only ? ClockReading{ReadPair(), std::nullopt} : ReadClocks(now);
      engine_->OnCrossTimestamp(reading, now, actions_);
    } else if (const auto* adjust = std::get_if<AdjustPhc>(&action)) {
      Adjust(adjust->command, now);
    } else if (const auto* ask = std::get_if<SendManagement>(&action)) {
      Ask(*ask, now);
    } else if (const auto* clock = std::get_if<UseClock>(&action)) {
      Use(*clock, now);
    } else if (const auto* one_step = std::get_if<SetOneStep>(&action)) {
      Switch(*one_step, now);
    } else if (const auto* publish = std::get_if<Publish>(&action)) {
      SinkOf(publish->output).Publish(publish->sample);
      fed = true;
    } else if (const auto* withdraw = std::get_if<Withdraw>(&action)) {
      SinkOf(withdraw->output).Withdraw();
    } else if (const auto* line = std::get_if<WriteLog>(&action)) {
      log_.Write(line->line);
    }
  }
  actions_.clear();
  if (!fed) return;
  surroundings_.fed_marker.Set();
  TellNews();
  // Somebody may have stepped the system clock between the reading and the store:
  // then what stands there now is withdrawn at once.
  engine_->OnPair(ReadPair(), now, actions_);
  CarryOut(now);
}

SampleSink& Port::SinkOf(size_t output) {
  if (output < shm_.size()) return *shm_[output];
  return *sock_[output - shm_.size()];
}

void Port::TellNews() {
  for (const auto& sink : shm_) {
    if (const auto line = sink->TakeNews()) log_.Write(*line);
  }
  for (const auto& sink : sock_) {
    if (const auto line = sink->TakeNews()) log_.Write(*line);
  }
}

void Port::DescribePhc(const PhcDevice& phc, StatusReport::Phc& report) {
  report.device = phc.device();
  report.reading = PhcMethodName(phc.method());
  report.clock_name = phc.clock_name();
  if (phc.cost() < absl::InfiniteDuration()) {
    report.cost_ns = absl::ToDoubleNanoseconds(phc.cost());
  }
}

StatusReport Port::Report(MonoTime now) const {
  StatusReport report = engine_->Status(now);
  for (size_t i = 0; i < sock_.size(); ++i) {
    report.outputs[shm_.size() + i].connected = sock_[i]->connected();
  }
  return report;
}

}  // namespace bridge::os
