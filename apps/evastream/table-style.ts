// How the command line draws its tables: a frame, and no lines between rows.
// Not their content.

export const NO_LINES_BETWEEN_ROWS = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' }
