// SPDX-License-Identifier: MIT
// anabranch-manual SOURCE OUTPUT: makes manual pages, example files and the shell's completion from
// the definitions of commands and settings. Part of the build, never installed.
#include <cstdio>
#include <filesystem>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "lab/scenario.hpp"
#include "manual/completion.hpp"
#include "manual/example_file.hpp"
#include "manual/page.hpp"
#include "manual/role_files.hpp"

namespace anabranch::manual {
namespace {

namespace fs = std::filesystem;

Result<void> write(const fs::path& file, const std::string& content) {
  ANABRANCH_TRY(make_directory(file.parent_path()));
  return replace_file(file, content);
}

Result<void> make_command_page(const fs::path& source, const fs::path& output,
                               const Command& object) {
  const std::string name =
      (object.name == "anabranch" ? object.name : "anabranch-" + object.name) + ".8";
  const auto prose = read_file(source / "packaging/man" / (name + ".in"));
  if (!prose) return std::unexpected(prose.error());
  const auto exit_codes = read_file(source / "docs/exit-codes.md");
  if (!exit_codes) return std::unexpected(exit_codes.error());
  auto page = command_page(object, ANABRANCH_VERSION, *prose, *exit_codes);
  if (!page) {
    page.error().where = name;
    return std::unexpected(page.error());
  }
  return write(output / "man8" / name, *page);
}

Result<void> make_role_file(const fs::path& source, const fs::path& output, const RoleFile& file) {
  const std::string role(file.role);
  const std::string name = "anabranch-" + role + ".toml.5";
  const auto prose = read_file(source / "packaging/man" / (name + ".in"));
  if (!prose) return std::unexpected(prose.error());
  auto page = file_page(role, file.settings, ANABRANCH_VERSION, *prose);
  if (!page) {
    page.error().where = name;
    return std::unexpected(page.error());
  }
  ANABRANCH_TRY(write(output / "man5" / name, *page));
  return write(output / "examples" / (role + ".toml"),
               example_file(role, file.introduction, file.settings));
}

Choices scenarios() {
  Choices out;
  for (const auto& scenario : lab::scenarios()) {
    std::vector<std::string> nodes;
    for (const auto& node : scenario.topology().nodes) nodes.push_back(node.name);
    out.push_back({std::string(scenario.name), std::move(nodes)});
  }
  return out;
}

Result<void> make_all(const fs::path& source, const fs::path& output) {
  const Command all = command_line();
  ANABRANCH_TRY(make_command_page(source, output, all));
  for (const auto& object : all.commands) ANABRANCH_TRY(make_command_page(source, output, object));
  for (const auto& file : role_files()) ANABRANCH_TRY(make_role_file(source, output, file));
  const auto script = read_file(source / "packaging/completion/anabranch.bash.in");
  if (!script) return std::unexpected(script.error());
  const auto completion = bash_completion(
      all, scenarios(), {log::kLevelNames.begin(), log::kLevelNames.end()}, *script);
  if (!completion) return std::unexpected(completion.error());
  return write(output / "completions/anabranch", *completion);
}

}  // namespace
}  // namespace anabranch::manual

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: anabranch-manual SOURCE OUTPUT\n", stderr);
    return static_cast<int>(anabranch::ExitCode::kBadInput);
  }
  const auto done = anabranch::manual::make_all(argv[1], argv[2]);
  if (done) return 0;
  std::fprintf(stderr, "anabranch-manual: %s\n", done.error().text().c_str());
  return static_cast<int>(anabranch::ExitCode::kFailed);
}
