# Compiles through ccache where it is installed.
#
# The sloppiness settings are what ccache needs to cache files that use a precompiled header; the base
# directory lets a second clone of the tree find the first one's results.

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(CONVMAE_CCACHE ccache DOC "Compiler cache; empty for none")
  if(CONVMAE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER
        env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        "${CONVMAE_CCACHE}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${CMAKE_CXX_COMPILER_LAUNCHER}")
  endif()
endif()
