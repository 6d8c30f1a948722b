// bridge/config/ptp4l_importer.h
//
// What import_ptp4l.h does, in the making: this class is its own, in three files.
// import_ptp4l.cc decides the role and puts values into drafts, import_server.cc those
// of a grandmaster; import_report.cc says what needs attention and what is left out,
// and writes the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bridge/config/import_draft.h"
#include "bridge/config/import_ptp4l.h"
#include "bridge/config/phc2sys_line.h"
#include "bridge/config/ptp4l_conf.h"

namespace bridge {

int ToInt(const Ptp4lSetting& setting);
// Null is none.
bool IsWord(const Ptp4lSetting* setting, absl::string_view word);
// As phc2sys reads numbers; its parser has let only such through.
int64_t ToWhole(absl::string_view value);
// "line 4: clockClass 6"
std::string LineOf(const Ptp4lSetting& setting);

// Where a key comes from.
struct Origin {
  Origin(std::string text) : comment(std::move(text)) {}  // NOLINT: so it reads well.
  Origin(const char* text) : comment(text) {}             // NOLINT
  Origin(const Ptp4lSetting& from, absl::string_view more = "")  // NOLINT
      : comment(absl::StrCat(LineOf(from), more)), setting(&from) {}

  std::string comment;
  const Ptp4lSetting* setting = nullptr;
};

constexpr int64_t kOurUnit = 2;  // The default of output.shm.unit.
constexpr int64_t kUnitBesideGpsd = 12;
constexpr char kRefused[] = "refclockd does not do that";

class Ptp4lImporter {
 public:
  explicit Ptp4lImporter(const ImportRequest& request)
      : request_(request),
        conf_(ParsePtp4lConf(request.file_name, request.text)),
        phc2sys_(ParsePhc2sysLine(request.phc2sys.value_or("phc2sys"))) {}

  Imported Import();

 private:
  // ---- What is there.
  // The one in force, which this marks as dealt with.
  const Ptp4lSetting* Take(absl::string_view name, std::optional<size_t> port);
  bool IsOn(absl::string_view name, std::optional<size_t> port) const;
  bool IsBoundaryClock() const { return conf_.ports.size() > 1; }
  std::string Source() const;  // Of phc2sys: "eth0", "/dev/ptp0"; or "".
  std::string Sink() const;    // Likewise.
  bool FeedsNtp() const;       // phc2sys does.
  // What phc2sys takes for the better clock of a host that is the master.
  bool SystemClockLeads() const;
  bool PhcLeads() const;

  // ---- What kind of host this is.
  void FindMasterSigns();
  void ChooseRole();
  // In the place of a ptp4l that is a grandmaster, or may be.
  bool Serves() const { return role_ == Role::kGrandmaster || role_ == Role::kAuto; }
  const Ptp4lSetting* NeedsPtp4l() const;

  // ---- Into drafts.
  bool Put(ImportDraft& into, absl::string_view key, const OptionValue& value,
           Origin origin);
  void PutWhole(ImportDraft& into, absl::string_view key, absl::string_view name,
                std::optional<size_t> port);
  void PutNanoseconds(ImportDraft& into, absl::string_view key, absl::string_view name,
                      std::optional<size_t> port);
  // Nothing if it is refclockd's default.
  void PutUnlessDefault(ImportDraft& into, absl::string_view key,
                        const OptionValue& value, const Ptp4lSetting& setting);
  void PutRole();
  void PutClient(ImportDraft& into, std::optional<size_t> port);
  void PutInterface(ImportDraft& into, std::optional<size_t> port);
  void PutWire(ImportDraft& into, std::optional<size_t> port);
  void PutDelay(ImportDraft& into, std::optional<size_t> port);
  void PutClock(ImportDraft& into, std::optional<size_t> port);
  void PutSteering(ImportDraft& into, std::optional<size_t> port);
  void PutServer();
  void PutServedClock(std::optional<size_t> port);
  void PutOneStep(std::optional<size_t> port);
  void PutCompanion();
  void PutUtc();
  void PutPin(const Phc2sysOption& option);
  void PutOutputs();
  bool PutOutputOfPhc2sys();
  bool PutOutputOfPtp4l();
  void PutUnit(int64_t unit, const Origin& origin);
  bool PutSock(const std::string& path, const Origin& origin);
  void PutRate();

  // ---- What a person has to see.
  void Attend(const Ptp4lSetting& setting, std::string what, std::string right);
  void Attend(std::string where, std::string what, std::string right);
  void JudgePhc2sys();
  void JudgeClientsPhc2sys();
  void JudgeServersPhc2sys();
  void JudgeServer(std::optional<size_t> port);
  bool HasInterface(absl::string_view name) const;
  void JudgeSource();
  void JudgeDomains();
  void JudgeCompanion();
  void LeaveOut();
  const Ptp4lSetting* OverriddenBy(const Ptp4lSetting& setting) const;
  std::string WhyLeftOut(const Ptp4lSetting& setting);
  const char* WhyNotInRole(const Ptp4lSetting& setting) const;
  std::string WhyLeftOut(const Phc2sysOption& option) const;

  // ---- Out.
  Imported NoPtp4lConf() const;
  std::string Write() const;
  std::string Head() const;
  const char* WhatItIs() const;
  std::string WriteLeftOut() const;
  std::vector<ConfigError> SortedProblems() const;

  const ImportRequest& request_;
  Ptp4lConf conf_;
  Phc2sysLine phc2sys_;
  Role role_ = Role::kClient;
  std::string role_origin_;
  std::vector<std::string> master_signs_;  // "line 4: clockClass 6"
  ImportDraft file_{false};
  std::vector<ImportDraft> ports_;  // Of several; otherwise empty.
  std::set<const Ptp4lSetting*> taken_, refused_;
  std::set<char> phc2sys_taken_;
  std::vector<std::pair<size_t, std::string>> left_out_;  // By line.
  std::vector<std::string> phc2sys_left_out_;
  std::vector<Ptp4lProblem> attentions_;
};

}  // namespace bridge
