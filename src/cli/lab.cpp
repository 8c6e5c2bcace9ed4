// SPDX-License-Identifier: MIT
// anabranch lab list | run SCENARIO | shell SCENARIO NODE, and the processes a lab is made of.
#include <cstdio>
#include <memory>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "cli/commands.hpp"
#include "lab/report_html.hpp"
#include "lab/report_json.hpp"
#include "lab/sandbox.hpp"
#include "lab/scenario.hpp"
#include "lab/wire.hpp"

namespace anabranch::cli {
namespace {

struct RunArguments {
  std::string scenario;
  std::string node;
  std::string json;
  std::string report;
  lab::Choice choice;
  bool quick = false;
  bool full = false;
};

/// Opened before the lab takes /run and the rest away, so that a wrong path is said at once.
Result<UniqueFd> open_output(const std::string& path) {
  if (path.empty()) return UniqueFd();
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file) {
    auto out = fail_errno("cannot write the file", path);
    out.error().code = ExitCode::kBadInput;
    out.error().hint.clear();
    return out;
  }
  return file;
}

void write_output(const UniqueFd& file, const std::string& content) {
  if (!file) return;
  if (::ftruncate(file.get(), 0) != 0) return;
  std::size_t put = 0;
  while (put < content.size()) {
    const ssize_t done = ::write(file.get(), content.data() + put, content.size() - put);
    if (done <= 0) return;
    put += static_cast<std::size_t>(done);
  }
}

ExitCode print_error(const Error& error) {
  std::fprintf(stderr, "anabranch: %s\n", error.text().c_str());
  return error.code;
}

Result<ExitCode> run(const RunArguments& arguments) {
  const auto scenario = lab::find_scenario(arguments.scenario);
  if (!scenario) return std::unexpected(scenario.error());
  ANABRANCH_TRY(lab::check_choice(**scenario, arguments.choice));
  const auto json = open_output(arguments.json);
  if (!json) return std::unexpected(json.error());
  const auto report = open_output(arguments.report);
  if (!report) return std::unexpected(report.error());
  const auto scale = arguments.full    ? lab::Scale::kFull
                     : arguments.quick ? lab::Scale::kQuick
                                       : lab::Scale::kNormal;
  const auto code = lab::run_in_sandbox([&] {
    const auto result =
        lab::run_scenario(**scenario, scale, arguments.choice, ANABRANCH_VERSION, STDOUT_FILENO);
    if (!result) return static_cast<int>(print_error(result.error()));
    std::fputs(lab::final_table(*result, lab::is_live_terminal(STDOUT_FILENO)).c_str(), stdout);
    write_output(*json, lab::report_json(*result) + "\n");
    write_output(*report, lab::report_html(*result));
    return static_cast<int>(result->ok() ? ExitCode::kOk : ExitCode::kFailed);
  });
  if (!code) return std::unexpected(code.error());
  if (*report) std::printf("report: %s\n", arguments.report.c_str());
  return static_cast<ExitCode>(*code);
}

Result<ExitCode> shell(const RunArguments& arguments) {
  const auto scenario = lab::find_scenario(arguments.scenario);
  if (!scenario) return std::unexpected(scenario.error());
  const auto code = lab::run_in_sandbox([&] {
    const auto done = lab::shell_in(**scenario, arguments.node);
    return done ? *done : static_cast<int>(print_error(done.error()));
  });
  if (!code) return std::unexpected(code.error());
  return static_cast<ExitCode>(*code);
}

Result<ExitCode> list() {
  for (const auto& scenario : lab::scenarios())
    std::printf("%-20s %s%s\n", std::string(scenario.name).c_str(),
                std::string(scenario.title).c_str(), scenario.benchmark ? " (benchmark)" : "");
  return ExitCode::kOk;
}

/// Hidden: the process that carries emulated links, started by the lab itself.
void add_wire(CLI::App& lab, Outcome& outcome) {
  auto* command =
      lab.add_subcommand("wire", "Carry emulated links (started by the lab)")->group("");
  const auto links = std::make_shared<std::string>();
  const auto fd = std::make_shared<int>(-1);
  command->add_option("--links", *links)->required();
  command->add_option("--control-fd", *fd)->required();
  command->callback([links, fd, &outcome] {
    const auto parsed = lab::parse_wire_links(*links);
    if (!parsed) {
      outcome.value = std::unexpected(parsed.error());
      return;
    }
    if (const auto done = lab::run_wire(*parsed, *fd); !done)
      outcome.value = std::unexpected(done.error());
  });
}

}  // namespace

void add_lab(CLI::App& app, Outcome& outcome) {
  auto* lab = app.add_subcommand("lab", "Whole networks on this machine: build, measure, draw");
  lab->require_subcommand(1);
  const auto arguments = std::make_shared<RunArguments>();
  const auto takes_scenario = [&](CLI::App* command) {
    command->add_option("SCENARIO", arguments->scenario, "A name that 'lab list' shows")
        ->type_name("")
        ->required();
  };

  lab->add_subcommand("list", "List the scenarios")->callback([&outcome] {
    outcome.value = list();
  });

  auto* run_command = lab->add_subcommand("run", "Build a scenario, measure it, judge it");
  takes_scenario(run_command);
  auto* quick = run_command->add_flag("--quick", arguments->quick, "Smaller counts, less time");
  run_command->add_flag("--full", arguments->full, "Large counts")->excludes(quick);
  run_command->add_option("--json", arguments->json, "Write the figures there")->type_name("FILE");
  run_command->add_option("--report", arguments->report, "Write a self-contained HTML report there")
      ->type_name("FILE");
  run_command
      ->add_option("--only", arguments->choice.only,
                   "Parts of the scenario, as 'A,C,download' of never-worse")
      ->type_name("WORD,...")
      ->delimiter(',');
  run_command->add_option("--runs", arguments->choice.runs, "Repetitions of each measurement")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  run_command->callback([arguments, &outcome] { outcome.value = run(*arguments); });

  auto* shell_command =
      lab->add_subcommand("shell", "Build a scenario and give a shell in one of its nodes");
  takes_scenario(shell_command);
  shell_command->add_option("NODE", arguments->node, "One of its nodes, as 'host' or 'gateway'")
      ->type_name("")
      ->required();
  shell_command->callback([arguments, &outcome] { outcome.value = shell(*arguments); });

  add_wire(*lab, outcome);
  add_lab_workload(*lab, outcome);
  add_lab_herd(*lab, outcome);
  add_lab_downloads(*lab, outcome);
  add_lab_exchange(*lab, outcome);
}

}  // namespace anabranch::cli
