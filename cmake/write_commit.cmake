# Writes OUT, a source that defines program_commit(): the commit of the checkout in SOURCE, with -dirty if
# files differ from it. Run at every build (cmake -DSOURCE=... -DOUT=... -P), it touches OUT only if that
# changes. Out of `git archive` the commit is in archive_commit.txt; elsewhere it is "unknown".
cmake_minimum_required(VERSION 3.25)

set(commit "unknown")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/archive_commit.txt" archived LIMIT_COUNT 1)
if(archived MATCHES "^[0-9a-f]+$")
  string(SUBSTRING "${archived}" 0 12 commit)
endif()

# A hook of git names a repository in the environment; the owner of a checkout may be another user.
function(ask_git result)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -E env --unset=GIT_DIR --unset=GIT_WORK_TREE --unset=GIT_INDEX_FILE git -c
            "safe.directory=*" -C "${SOURCE}" ${ARGN}
    OUTPUT_VARIABLE answer
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${result} "${answer}" PARENT_SCOPE)
endfunction()

# The sources may have been unpacked inside of another project's checkout.
ask_git(top rev-parse --show-toplevel)
file(REAL_PATH "${SOURCE}" source)
if(top)
  file(REAL_PATH "${top}" top)
endif()
if(top STREQUAL source)
  ask_git(described describe --always --dirty --abbrev=12)
  if(described MATCHES "^[A-Za-z0-9._/+-]+$")
    set(commit "${described}")
  endif()
endif()

file(
  CONFIGURE
  OUTPUT "${OUT}"
  CONTENT
    "#include \"convmae/train/run/environment.h\"

namespace convmae {

std::string program_commit() { return \"@commit@\"; }

}  // namespace convmae
"
  @ONLY)
