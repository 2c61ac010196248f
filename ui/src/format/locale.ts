// One place for both: day before month and 24 hours, whatever the browser's language, because the words
// around them are English. A second language is a second value here, and a second set of words.
export const LOCALE = 'en-GB';
